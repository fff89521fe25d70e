#pragma once

#include <napi.h>

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "addon/external_memory.h"
#include "engine/network.h"

namespace convsweep {

/**
 * lib/native/contract.ts' NativeNetwork. A call in flight shares the engine's network, so it outlives a
 * collected handle.
 */
class NetworkHandle : public Napi::ObjectWrap<NetworkHandle> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit NetworkHandle(const Napi::CallbackInfo& info);
  void Finalize(Napi::Env env) override;

 private:
  /** What the constructor does. */
  void create(const Napi::CallbackInfo& info);
  /** A call's rows and the dataset that they belong to. */
  struct Rows {
    std::shared_ptr<const DeviceDataset> dataset;
    std::vector<uint32_t> indices;
  };
  enum class Labels { Used, Unused };

  Napi::Value trainEpoch(const Napi::CallbackInfo& info);
  Napi::Value evaluate(const Napi::CallbackInfo& info);
  Napi::Value predict(const Napi::CallbackInfo& info);
  Napi::Value gradients(const Napi::CallbackInfo& info);
  Napi::Value progress(const Napi::CallbackInfo& info);
  void abort(const Napi::CallbackInfo& info);
  Napi::Value readState(const Napi::CallbackInfo& info);
  void writeState(const Napi::CallbackInfo& info);
  void dispose(const Napi::CallbackInfo& info);

  /** `method`, whose exceptions become errors with a code. */
  template <auto method>
  Napi::Value call(const Napi::CallbackInfo& info);
  template <auto method>
  void callVoid(const Napi::CallbackInfo& info);

  /** The network, if it may be called now. Throws an error with code STATE otherwise. */
  std::shared_ptr<Network> idle() const;
  /** A call's first two arguments. Throws unless the rows exist and the network can take them. */
  Rows rowsFrom(const Napi::CallbackInfo& info, const Plan& plan, Labels labels) const;
  Napi::Promise start(Napi::Env env, const std::shared_ptr<Network>& network, std::function<void()> work,
                      std::function<Napi::Value(Napi::Env)> result);

  std::shared_ptr<Network> network_;
  std::shared_ptr<Control> control_ = std::make_shared<Control>();
  /** Shared with calls in flight, which end with it or later. */
  std::shared_ptr<ExternalMemory> memory_ = std::make_shared<ExternalMemory>();
};

}  // namespace convsweep
