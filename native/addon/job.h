#pragma once

#include <napi.h>

#include <exception>
#include <functional>
#include <future>
#include <memory>

#include "engine/network.h"

namespace convsweep {

/**
 * A promise whose work runs on the Executor. If the environment goes away first, work that has not begun is
 * dropped, and what runs is aborted and waited for, so that nothing outlives its environment.
 */
class Job {
 public:
  struct Steps {
    /** Touches no JavaScript. */
    std::function<void()> work;
    /** Back on the JavaScript thread, whether the work failed or not. */
    std::function<void(Napi::Env)> ended;
    /** Turns what the work left behind into the promise's value. */
    std::function<Napi::Value(Napi::Env)> result;
  };

  /** `control` counts as busy until the promise settles. */
  static Napi::Promise start(Napi::Env env, std::shared_ptr<Control> control, Steps steps);

  /** The work was taken from the executor before it began. */
  void withdraw() { withdrawn_ = true; }
  /** Asks the work to end; if it was withdrawn, it has ended. On the JavaScript thread. */
  void abandon();
  /** Returns when the work does not run and never will again. */
  void wait() const { done_.wait(); }

 private:
  Job(Napi::Env env, std::shared_ptr<Control> control, Steps steps)
      : env_(env),
        deferred_(env),
        control_(std::move(control)),
        steps_(std::move(steps)),
        done_(ended_.get_future()) {}
  void submit();
  void run();
  void tell();
  void settle();
  void conclude();
  static void onMain(napi_env env, napi_value, void*, void* data);
  static void onTeardown(void* data);

  const Napi::Env env_;
  const Napi::Promise::Deferred deferred_;
  const std::shared_ptr<Control> control_;
  const Steps steps_;
  std::exception_ptr error_;
  bool withdrawn_ = false;
  napi_threadsafe_function main_ = nullptr;
  std::promise<void> ended_;
  const std::shared_future<void> done_;
};

}  // namespace convsweep
