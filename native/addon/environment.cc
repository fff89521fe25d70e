#include "addon/environment.h"

#include <utility>

#include "addon/job.h"
#include "backend/error.h"

namespace convsweep {

void Environment::attach(Napi::Env env) {
  env.SetInstanceData(std::make_unique<Environment>().release());
  const Napi::Value process = env.Global().Get("process");
  if (!process.IsObject()) return;
  const Napi::Value once = process.As<Napi::Object>().Get("once");
  if (!once.IsFunction()) return;
  once.As<Napi::Function>().Call(
      process, {Napi::String::New(env, "exit"), Napi::Function::New<&Environment::onExit>(env)});
}

Environment& Environment::of(Napi::Env env) {
  return *env.GetInstanceData<Environment>();
}

void Environment::submit(Job* job, std::shared_ptr<Control> control, Executor::Task task) {
  if (exiting_) throw Error("STATE", "The process is exiting");
  if (!executor_) executor_ = Executor::shared();
  jobs_.insert(job);
  try {
    executor_->submit(std::move(control), std::move(task));
  } catch (...) {
    jobs_.erase(job);
    throw;
  }
}

void Environment::onExit(const Napi::CallbackInfo& info) {
  Environment& environment = of(info.Env());
  environment.exiting_ = true;
  environment.abandonJobs();
  for (Job* job : environment.jobs_) job->wait();
}

void Environment::abandonJobs() {
  for (Job* job : jobs_) job->abandon();
}

}  // namespace convsweep
