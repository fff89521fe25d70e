#include "addon/job.h"

#include <utility>

#include "addon/environment.h"
#include "addon/error.h"
#include "backend/error.h"

namespace convsweep {

Napi::Promise Job::start(Napi::Env env, std::shared_ptr<Control> control, Steps steps) {
  auto job = std::unique_ptr<Job>(new Job(env, std::move(control), std::move(steps)));
  const Napi::Promise promise = job->deferred_.Promise();
  job->control_->busy = true;
  job->control_->abort = false;
  job->control_->images = 0;
  try {
    job->submit();
    // From here on the thread and then onMain own the job.
    (void)job.release();
  } catch (const std::exception&) {
    job->error_ = std::current_exception();
    job->settle();
  }
  return promise;
}

void Job::submit() {
  const napi_status status =
      napi_create_threadsafe_function(env_, nullptr, nullptr, Napi::String::New(env_, "convsweep"), 0, 1,
                                      nullptr, nullptr, nullptr, &Job::onMain, &main_);
  if (status != napi_ok) throw Error("NATIVE", "internal: no thread-safe function");
  // After the function was made, so that at teardown this hook runs before the function is closed.
  napi_add_env_cleanup_hook(env_, &Job::onTeardown, this);
  try {
    Environment::of(env_).submit(this, control_, [this] { run(); });
  } catch (...) {
    napi_remove_env_cleanup_hook(env_, &Job::onTeardown, this);
    napi_release_threadsafe_function(main_, napi_tsfn_release);
    throw;
  }
}

void Job::run() {
  try {
    steps_.work();
  } catch (...) {
    error_ = std::current_exception();
  }
  tell();
}

void Job::tell() {
  // The main thread may delete this job as soon as it is told. It also releases the function, which may be
  // gone by the time that another call could reach it from here.
  std::promise<void> ended = std::move(ended_);
  napi_call_threadsafe_function(main_, this, napi_tsfn_nonblocking);
  ended.set_value();
}

void Job::onMain(napi_env env, napi_value, void*, void* data) {
  const std::unique_ptr<Job> job(static_cast<Job*>(data));
  if (!env) return;  // torn down: there is nobody left to tell
  Environment::of(env).forget(*job->control_);
  napi_remove_env_cleanup_hook(env, &Job::onTeardown, job.get());
  napi_release_threadsafe_function(job->main_, napi_tsfn_release);
  job->settle();
}

void Job::abandon() {
  control_->abort = true;
  if (!std::exchange(withdrawn_, false)) return;
  error_ = std::make_exception_ptr(Error("ABORTED", "The call was aborted"));
  // Where the process lives on after all, the promise settles.
  tell();
}

void Job::onTeardown(void* data) {
  auto* job = static_cast<Job*>(data);
  Environment& environment = Environment::of(job->env_);
  environment.abandonJobs();
  job->wait();
  environment.forget(*job->control_);
  // The job is in the function's queue, whose end calls onMain.
  napi_release_threadsafe_function(job->main_, napi_tsfn_release);
}

void Job::settle() {
  const Napi::HandleScope scope(env_);
  control_->busy = false;
  try {
    conclude();
  } catch (const std::exception&) {
    // JavaScript is being stopped in this environment, in a worker at any moment: nobody waits for the
    // promise. Or there is not even memory to say that there is none.
  }
}

void Job::conclude() {
  try {
    steps_.ended(env_);
    if (error_) std::rethrow_exception(error_);
    deferred_.Resolve(steps_.result(env_));
  } catch (const Napi::Error& error) {
    deferred_.Reject(error.Value());
  } catch (const std::exception& error) {
    deferred_.Reject(toJavaScript(env_, error).Value());
  }
}

}  // namespace convsweep
