#pragma once

#include <napi.h>

#include <exception>
#include <functional>
#include <future>
#include <memory>

#include "engine/network.h"

namespace convsweep {

/** `error` as a JavaScript error with `code`. */
Napi::Error toJavaScript(Napi::Env env, const std::exception& error);

/**
 * A promise whose work runs on the Executor. `work` touches no JavaScript; `result` then turns what it left
 * behind into a value; `control` counts as busy until the promise settles. If the environment goes away
 * first, the work is aborted through `control` and waited for, so that nothing outlives its environment.
 */
class Job {
 public:
  static Napi::Promise start(Napi::Env env, std::shared_ptr<Control> control, std::function<void()> work,
                             std::function<Napi::Value(Napi::Env)> result);

 private:
  Job(Napi::Env env, std::shared_ptr<Control> control)
      : deferred_(env), control_(std::move(control)), done_(ended_.get_future()) {}
  void run();
  void settle(Napi::Env env);
  static void onMain(napi_env env, napi_value, void*, void* data);
  static void onTeardown(void* data);

  Napi::Promise::Deferred deferred_;
  std::shared_ptr<Control> control_;
  std::function<void()> work_;
  std::function<Napi::Value(Napi::Env)> result_;
  std::exception_ptr error_;
  napi_threadsafe_function main_ = nullptr;
  std::promise<void> ended_;
  std::shared_future<void> done_;
};

}  // namespace convsweep
