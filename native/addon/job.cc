#include "addon/job.h"

#include <utility>

#include "addon/executor.h"
#include "engine/error.h"

namespace convsweep {

Napi::Error toJavaScript(Napi::Env env, const std::exception& error) {
  const auto* known = dynamic_cast<const Error*>(&error);
  const bool memory = dynamic_cast<const std::bad_alloc*>(&error) != nullptr;
  Napi::Error value = Napi::Error::New(env, memory ? "The process is out of memory" : error.what());
  value.Set("code", Napi::String::New(env, known ? known->code() : memory ? "OUT_OF_MEMORY" : "NATIVE"));
  return value;
}

Napi::Promise Job::start(Napi::Env env, std::shared_ptr<Control> control, std::function<void()> work,
                         std::function<Napi::Value(Napi::Env)> result) {
  control->busy = true;
  control->abort = false;
  control->images = 0;
  auto job = std::unique_ptr<Job>(new Job(env, std::move(control)));
  job->work_ = std::move(work);
  job->result_ = std::move(result);
  const Napi::Promise promise = job->deferred_.Promise();
  const napi_status status =
      napi_create_threadsafe_function(env, nullptr, nullptr, Napi::String::New(env, "convsweep"), 0, 1,
                                      nullptr, nullptr, nullptr, &Job::onMain, &job->main_);
  if (status != napi_ok) throw Napi::Error::New(env, "internal: no thread-safe function");
  // After the function was made, so that at teardown this hook runs before the function is closed.
  napi_add_env_cleanup_hook(env, &Job::onTeardown, job.get());
  // From here on the thread and then onMain own the job.
  const auto shared = job->control_;
  Executor::shared().submit(shared, [raw = job.release()] { raw->run(); });
  return promise;
}

void Job::run() {
  try {
    work_();
  } catch (...) {
    error_ = std::current_exception();
  }
  const napi_threadsafe_function main = main_;
  // The main thread may delete this job as soon as it is told.
  std::promise<void> ended = std::move(ended_);
  napi_call_threadsafe_function(main, this, napi_tsfn_nonblocking);
  napi_release_threadsafe_function(main, napi_tsfn_release);
  ended.set_value();
}

void Job::onMain(napi_env env, napi_value, void*, void* data) {
  const std::unique_ptr<Job> job(static_cast<Job*>(data));
  if (!env) return;  // torn down: there is nobody left to tell
  napi_remove_env_cleanup_hook(env, &Job::onTeardown, job.get());
  job->settle(env);
}

void Job::onTeardown(void* data) {
  auto* job = static_cast<Job*>(data);
  job->control_->abort = true;
  job->done_.wait();
}

void Job::settle(Napi::Env env) {
  const Napi::HandleScope scope(env);
  control_->busy = false;
  try {
    if (error_) std::rethrow_exception(error_);
    deferred_.Resolve(result_(env));
  } catch (const Napi::Error& error) {
    deferred_.Reject(error.Value());
  } catch (const std::exception& error) {
    deferred_.Reject(toJavaScript(env, error).Value());
  }
}

}  // namespace convsweep
