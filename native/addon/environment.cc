#include "addon/environment.h"

#include <initializer_list>
#include <utility>

#include "addon/job.h"
#include "backend/error.h"

namespace convsweep {
namespace {

/** Where there is such a method: what is called is not ours. */
void callMethod(const Napi::Value& object, const char* name, const std::initializer_list<napi_value>& args) {
  if (!object.IsObject()) return;
  const Napi::Value method = object.As<Napi::Object>().Get(name);
  if (method.IsFunction()) method.As<Napi::Function>().Call(object, args);
}

}  // namespace

void Environment::attach(Napi::Env env) {
  env.SetInstanceData(std::make_unique<Environment>().release());
  callMethod(env.Global().Get("process"), "on",
             {Napi::String::New(env, "exit"), Napi::Function::New<&Environment::onExit>(env)});
}

Environment& Environment::of(Napi::Env env) {
  return *env.GetInstanceData<Environment>();
}

void Environment::submit(Job* job, std::shared_ptr<Control> control, Executor::Task task) {
  if (exiting_) throw Error("STATE", "The process is exiting");
  if (!executor_) executor_ = Executor::shared();
  const Control* const key = control.get();
  jobs_[key] = job;
  try {
    executor_->submit(std::move(control), std::move(task));
  } catch (...) {
    jobs_.erase(key);
    throw;
  }
}

void Environment::onExit(const Napi::CallbackInfo& info) {
  Environment& environment = of(info.Env());
  environment.exiting_ = true;
  environment.abandonJobs();
  for (const auto& [control, job] : environment.jobs_) job->wait();
  callMethod(info.Env().Global(), "setImmediate",
             {Napi::Function::New<&Environment::onSurvival>(info.Env())});
}

void Environment::onSurvival(const Napi::CallbackInfo& info) {
  of(info.Env()).exiting_ = false;
}

void Environment::abandonJobs() {
  if (!executor_) return;
  executor_->withdraw([this](const Control& control) {
    const auto found = jobs_.find(&control);
    if (found == jobs_.end()) return false;
    found->second->withdraw();
    return true;
  });
  for (const auto& [control, job] : jobs_) job->abandon();
}

}  // namespace convsweep
