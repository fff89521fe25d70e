#pragma once

#include <napi.h>

#include <memory>

#include "engine/network.h"

namespace convsweep {

/** lib/native.ts' NativeNetwork. A call in flight shares the engine's network, so it outlives a collected
 * handle. */
class NetworkHandle : public Napi::ObjectWrap<NetworkHandle> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit NetworkHandle(const Napi::CallbackInfo& info);

 private:
  Napi::Value trainEpoch(const Napi::CallbackInfo& info);
  Napi::Value evaluate(const Napi::CallbackInfo& info);
  Napi::Value predict(const Napi::CallbackInfo& info);
  Napi::Value gradients(const Napi::CallbackInfo& info);
  Napi::Value progress(const Napi::CallbackInfo& info);
  void abort(const Napi::CallbackInfo& info);
  Napi::Value readState(const Napi::CallbackInfo& info);
  void writeState(const Napi::CallbackInfo& info);
  void dispose(const Napi::CallbackInfo& info);
  Napi::Value parameterCount(const Napi::CallbackInfo& info);
  Napi::Value statisticCount(const Napi::CallbackInfo& info);

  /** The network, if it may be called now. Throws an error with code STATE otherwise. */
  std::shared_ptr<Network> idle(Napi::Env env) const;

  std::shared_ptr<Network> network_;
  std::shared_ptr<Control> control_ = std::make_shared<Control>();
};

}  // namespace convsweep
