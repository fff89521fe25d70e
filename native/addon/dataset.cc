#include "addon/dataset.h"

#include <vector>

#include "addon/job.h"

namespace convsweep {
namespace {
constexpr napi_type_tag kTag = {0x3c5f4a1be2d94c07, 0x9f6b1d2e8a7740c1};
}

Napi::Function DatasetHandle::define(Napi::Env env) {
  return DefineClass(env, "Dataset", {InstanceMethod<&DatasetHandle::dispose>("dispose")});
}

DatasetHandle::DatasetHandle(const Napi::CallbackInfo& info) : Napi::ObjectWrap<DatasetHandle>(info) {
  const Napi::Env env = info.Env();
  const auto options = info[0].As<Napi::Object>();
  const auto images = options.Get("images").As<Napi::Uint8Array>();
  const auto labels = options.Get("labels").As<Napi::Uint8Array>();
  count_ = static_cast<size_t>(options.Get("count").ToNumber().Int64Value());
  imageSize_ = static_cast<size_t>(options.Get("imageSize").ToNumber().Int64Value());
  if (!images.IsTypedArray() || images.ByteLength() != count_ * imageSize_) {
    throw Napi::RangeError::New(env, "Expected count x imageSize pixels");
  }
  if (!labels.IsTypedArray() || labels.ByteLength() != count_)
    throw Napi::RangeError::New(env, "Expected count labels");
  try {
    const int device = options.Get("device").ToNumber().Int32Value();
    copy_ = backend::createDataset(device, images.Data(), labels.Data(), count_, imageSize_);
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::exception& error) {
    throw toJavaScript(env, error);
  }
  info.This().As<Napi::Object>().TypeTag(&kTag);
}

DatasetHandle& DatasetHandle::from(const Napi::Value& value) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&kTag)) {
    throw Napi::TypeError::New(value.Env(), "Expected a Dataset of this addon");
  }
  DatasetHandle* handle = Unwrap(value.As<Napi::Object>());
  if (!handle->copy_) throw Napi::TypeError::New(value.Env(), "The dataset was disposed");
  return *handle;
}

void DatasetHandle::checkRows(Napi::Env env, const std::vector<uint32_t>& rows) const {
  if (rows.empty()) throw Napi::RangeError::New(env, "Expected at least one row");
  for (const uint32_t row : rows) {
    if (row >= count_) throw Napi::RangeError::New(env, "Expected rows below the number of images");
  }
}

void DatasetHandle::dispose(const Napi::CallbackInfo&) {
  copy_.reset();
}

}  // namespace convsweep
