#pragma once

#include <napi.h>

#include <memory>

#include "ops/session.h"

namespace convsweep {

/** lib/native.ts' NativeDataset. Calls in flight share the copy, so `dispose` never pulls it away from under
 * them. */
class DatasetHandle : public Napi::ObjectWrap<DatasetHandle> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit DatasetHandle(const Napi::CallbackInfo& info);

  /** What `value` holds. Throws TypeError unless it is a live dataset of this addon. */
  static DatasetHandle& from(const Napi::Value& value);
  std::shared_ptr<const DeviceDataset> copy() const { return copy_; }
  /** Throws RangeError unless all rows exist and there is at least one. */
  void checkRows(Napi::Env env, const std::vector<uint32_t>& rows) const;

 private:
  void dispose(const Napi::CallbackInfo& info);

  std::shared_ptr<const DeviceDataset> copy_;
  size_t count_ = 0, imageSize_ = 0;
};

}  // namespace convsweep
