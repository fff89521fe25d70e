#include "addon/dataset.h"

#include <algorithm>
#include <vector>

#include "addon/error.h"
#include "addon/values.h"

namespace convsweep {
namespace {

/** With an address of its own in each addon and each copy of one, whose data sets are of other classes. */
const napi_type_tag* tag() {
  static const napi_type_tag tag = {0x3c5f4a1be2d94c07, reinterpret_cast<uintptr_t>(&tag)};
  return &tag;
}

}  // namespace

Napi::Function DatasetHandle::define(Napi::Env env) {
  return DefineClass(env, "Dataset", {InstanceMethod<&DatasetHandle::dispose>("dispose")});
}

DatasetHandle::DatasetHandle(const Napi::CallbackInfo& info) : Napi::ObjectWrap<DatasetHandle>(info) {
  guarded(info.Env(), [&] { create(info); });
}

void DatasetHandle::create(const Napi::CallbackInfo& info) {
  constexpr int64_t kMost = int64_t{1} << 32;
  const Napi::Env env = info.Env();
  const auto options = objectFrom(info[0], "options");
  // All fields before any pointer: reading one may run JavaScript that takes an array's memory away.
  const Napi::Value imagesField = options.Get("images"), labelsField = options.Get("labels"),
                    countField = options.Get("count"), imageSizeField = options.Get("imageSize"),
                    deviceField = options.Get("device");
  const auto images = bytesFrom(imagesField, "images");
  const auto labels = bytesFrom(labelsField, "labels");
  const auto count = static_cast<size_t>(integerFrom(countField, "count", 1, kMost - 1));
  const auto imageSize = static_cast<size_t>(integerFrom(imageSizeField, "imageSize", 1, INT32_MAX));
  const auto device = static_cast<int>(integerFrom(deviceField, "device", 0, INT32_MAX));
  if (images.ElementLength() != count * imageSize) {
    throw Napi::RangeError::New(env, "Expected count x imageSize pixels for images");
  }
  if (labels.ElementLength() != count) throw Napi::RangeError::New(env, "Expected count labels for labels");
  // A copy: another thread may be changing them, and what was checked is what is used.
  const std::vector<uint8_t> kept(labels.Data(), labels.Data() + count);
  copy_ = backend::createDataset(device, images.Data(), kept.data(), count, imageSize);
  largestLabel_ = *std::max_element(kept.begin(), kept.end());
  count_ = count;
  imageSize_ = imageSize;
  info.This().As<Napi::Object>().TypeTag(tag());
  memory_.report(env, static_cast<int64_t>(count * (imageSize + 1)));
}

void DatasetHandle::Finalize(Napi::Env env) {
  memory_.report(env, 0);
}

const DatasetHandle& DatasetHandle::from(const Napi::Value& value) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(tag())) {
    throw Napi::TypeError::New(value.Env(), "Expected a Dataset of this addon for dataset");
  }
  const DatasetHandle* handle = Unwrap(value.As<Napi::Object>());
  if (!handle->copy_) throw Napi::TypeError::New(value.Env(), "The dataset was disposed");
  return *handle;
}

void DatasetHandle::dispose(const Napi::CallbackInfo& info) {
  copy_.reset();
  memory_.report(info.Env(), 0);
}

}  // namespace convsweep
