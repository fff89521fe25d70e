#pragma once

#include <napi.h>

#include <map>
#include <memory>

#include "addon/executor.h"

namespace convsweep {

class Job;

/** What the addon keeps per environment: the main thread and each worker that loads it have one. */
class Environment {
 public:
  static void attach(Napi::Env env);
  static Environment& of(Napi::Env env);

  /** Executor::submit on behalf of `job`, which is told when the process exits until it is forgotten. */
  void submit(Job* job, std::shared_ptr<Control> control, Executor::Task task);
  void forget(const Control& control) { jobs_.erase(&control); }
  /** Asks all jobs to end. Those that have not begun never do: none takes the thread that another leaves. */
  void abandonJobs();

 private:
  /** `process.exit` does not tear environments down, and nothing may run while the process is taken apart. */
  static void onExit(const Napi::CallbackInfo& info);
  /** The event loop goes on after an exit: somebody caught or only pretended it. */
  static void onSurvival(const Napi::CallbackInfo& info);

  /** All environments share it; its threads end with the last of them. */
  std::shared_ptr<Executor> executor_;
  /** By their control, which is busy with one at a time. */
  std::map<const Control*, Job*> jobs_;
  bool exiting_ = false;
};

}  // namespace convsweep
