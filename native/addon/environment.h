#pragma once

#include <napi.h>

#include <memory>
#include <set>

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
  void forget(Job* job) { jobs_.erase(job); }
  /** Asks all jobs to end. Those that have not begun never do: so none begins while another is waited for. */
  void abandonJobs();
  bool withdraw(const Control& control) { return executor_ && executor_->withdraw(control); }

 private:
  /** `process.exit` ends without tearing environments down: nothing may run while the process is taken apart.
   */
  static void onExit(const Napi::CallbackInfo& info);

  /** All environments share it; its threads end with the last of them. */
  std::shared_ptr<Executor> executor_;
  std::set<Job*> jobs_;
  bool exiting_ = false;
};

}  // namespace convsweep
