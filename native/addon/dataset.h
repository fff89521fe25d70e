#pragma once

#include <napi.h>

#include <memory>

#include "addon/external_memory.h"
#include "backend/backend.h"

namespace convsweep {

/** lib/native/contract.ts' NativeDataset. Calls in flight share the copy, which outlives `dispose` then. */
class DatasetHandle : public Napi::ObjectWrap<DatasetHandle> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit DatasetHandle(const Napi::CallbackInfo& info);
  void Finalize(Napi::Env env) override;

  /** What `value` holds. Throws TypeError unless it is a live dataset of this addon. */
  static const DatasetHandle& from(const Napi::Value& value);
  std::shared_ptr<const DeviceDataset> copy() const { return copy_; }
  size_t count() const { return count_; }
  size_t imageSize() const { return imageSize_; }
  uint8_t largestLabel() const { return largestLabel_; }

 private:
  /** What the constructor does. */
  void create(const Napi::CallbackInfo& info);
  void dispose(const Napi::CallbackInfo& info);

  std::shared_ptr<const DeviceDataset> copy_;
  size_t count_ = 0, imageSize_ = 0;
  uint8_t largestLabel_ = 0;
  ExternalMemory memory_;
};

}  // namespace convsweep
