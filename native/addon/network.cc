#include "addon/network.h"

#include <numeric>
#include <vector>

#include "addon/dataset.h"
#include "addon/job.h"
#include "addon/values.h"
#include "engine/error.h"

namespace convsweep {
namespace {

Napi::Object toObject(Napi::Env env, const Metrics& metrics) {
  auto object = Napi::Object::New(env);
  object.Set("loss", metrics.loss);
  object.Set("accuracy", metrics.accuracy);
  return object;
}

/** A call's rows and the dataset that they belong to. */
struct Rows {
  std::shared_ptr<const DeviceDataset> dataset;
  std::vector<uint32_t> indices;
};

Rows rowsFrom(const Napi::Value& dataset, const Napi::Value& rows) {
  const DatasetHandle& handle = DatasetHandle::from(dataset);
  Rows result{handle.copy(), indicesFrom(rows)};
  handle.checkRows(dataset.Env(), result.indices);
  return result;
}

size_t positiveFrom(const Napi::Value& value) {
  const int64_t number = value.IsNumber() ? value.As<Napi::Number>().Int64Value() : 0;
  if (number < 1) throw Napi::RangeError::New(value.Env(), "Expected a positive integer");
  return static_cast<size_t>(number);
}

}  // namespace

Napi::Function NetworkHandle::define(Napi::Env env) {
  return DefineClass(env, "Network",
                     {
                         InstanceMethod<&NetworkHandle::trainEpoch>("trainEpoch"),
                         InstanceMethod<&NetworkHandle::evaluate>("evaluate"),
                         InstanceMethod<&NetworkHandle::predict>("predict"),
                         InstanceMethod<&NetworkHandle::gradients>("gradients"),
                         InstanceMethod<&NetworkHandle::progress>("progress"),
                         InstanceMethod<&NetworkHandle::abort>("abort"),
                         InstanceMethod<&NetworkHandle::readState>("readState"),
                         InstanceMethod<&NetworkHandle::writeState>("writeState"),
                         InstanceMethod<&NetworkHandle::dispose>("dispose"),
                         InstanceAccessor<&NetworkHandle::parameterCount>("parameterCount"),
                         InstanceAccessor<&NetworkHandle::statisticCount>("statisticCount"),
                     });
}

NetworkHandle::NetworkHandle(const Napi::CallbackInfo& info) : Napi::ObjectWrap<NetworkHandle>(info) {
  const auto options = info[0].As<Napi::Object>();
  const int device = options.Get("device").ToNumber().Int32Value();
  const SessionOptions sessionOptions{options.Get("seed").ToNumber().Uint32Value(),
                                      precisionFrom(options.Get("precision"))};
  const auto layers = layersFrom(options.Get("layers"));
  const Adam adam = adamFrom(options.Get("adam"));
  try {
    network_ = std::make_shared<Network>(device, layers, adam, sessionOptions);
  } catch (const std::exception& error) {
    throw toJavaScript(info.Env(), error);
  }
}

std::shared_ptr<Network> NetworkHandle::idle(Napi::Env env) const {
  if (!network_) throw toJavaScript(env, Error("STATE", "The model was disposed"));
  if (control_->busy) throw toJavaScript(env, Error("STATE", "The model is busy with another call"));
  return network_;
}

Napi::Value NetworkHandle::trainEpoch(const Napi::CallbackInfo& info) {
  const auto network = idle(info.Env());
  auto rows = rowsFrom(info[0], info[1]);
  auto sizes = indicesFrom(info[2]);
  size_t sum = 0;
  for (const uint32_t size : sizes) sum = size > 0 ? sum + size : SIZE_MAX / 2;
  if (sum != rows.indices.size())
    throw Napi::RangeError::New(info.Env(), "Expected batches that add up to the rows");
  auto metrics = std::make_shared<Metrics>();
  return Job::start(
      info.Env(), control_,
      [network, rows = std::move(rows), sizes = std::move(sizes), metrics, control = control_] {
        *metrics = network->trainEpoch(*rows.dataset, rows.indices, sizes, *control);
      },
      [metrics](Napi::Env env) { return toObject(env, *metrics); });
}

Napi::Value NetworkHandle::evaluate(const Napi::CallbackInfo& info) {
  const auto network = idle(info.Env());
  auto rows = rowsFrom(info[0], info[1]);
  const size_t batchSize = positiveFrom(info[2]);
  auto metrics = std::make_shared<Metrics>();
  return Job::start(
      info.Env(), control_,
      [network, rows = std::move(rows), batchSize, metrics, control = control_] {
        *metrics = network->evaluate(*rows.dataset, rows.indices, batchSize, *control);
      },
      [metrics](Napi::Env env) { return toObject(env, *metrics); });
}

Napi::Value NetworkHandle::predict(const Napi::CallbackInfo& info) {
  const auto network = idle(info.Env());
  auto rows = rowsFrom(info[0], info[1]);
  const size_t batchSize = positiveFrom(info[2]);
  const bool training = info[3].ToBoolean();
  auto outputs = std::make_shared<std::vector<float>>(rows.indices.size() * network->plan().outputSize);
  return Job::start(
      info.Env(), control_,
      [network, rows = std::move(rows), batchSize, training, outputs, control = control_] {
        network->predict(*rows.dataset, rows.indices, batchSize, training, outputs->data(), *control);
      },
      [outputs](Napi::Env env) { return toFloat32Array(env, *outputs); });
}

Napi::Value NetworkHandle::gradients(const Napi::CallbackInfo& info) {
  const auto network = idle(info.Env());
  auto rows = rowsFrom(info[0], info[1]);
  auto gradients = std::make_shared<std::vector<float>>(network->plan().parameterCount);
  auto loss = std::make_shared<double>();
  return Job::start(
      info.Env(), control_,
      [network, rows = std::move(rows), gradients, loss] {
        *loss = network->gradients(*rows.dataset, rows.indices, gradients->data());
      },
      [gradients, loss](Napi::Env env) {
        auto object = Napi::Object::New(env);
        object.Set("loss", *loss);
        object.Set("gradients", toFloat32Array(env, *gradients));
        return object;
      });
}

Napi::Value NetworkHandle::progress(const Napi::CallbackInfo& info) {
  auto object = Napi::Object::New(info.Env());
  object.Set("images", static_cast<double>(control_->images.load()));
  object.Set("loss", control_->loss.load());
  object.Set("accuracy", control_->accuracy.load());
  return object;
}

void NetworkHandle::abort(const Napi::CallbackInfo&) {
  if (control_->busy) control_->abort = true;
}

Napi::Value NetworkHandle::readState(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto network = idle(env);
  const Plan& plan = network->plan();
  auto object = Napi::Object::New(env);
  StateView view;
  const auto field = [&](const char* name, size_t size) {
    auto array = Napi::Float32Array::New(env, size);
    object.Set(name, array);
    return std::span<float>(array.Data(), size);
  };
  view.parameters = field("parameters", plan.parameterCount);
  view.statistics = field("statistics", plan.statisticCount);
  view.m = field("m", plan.parameterCount);
  view.v = field("v", plan.parameterCount);
  object.Set("iterations", static_cast<double>(network->iterations()));
  try {
    network->readState(view);
  } catch (const std::exception& error) {
    throw toJavaScript(env, error);
  }
  return object;
}

void NetworkHandle::writeState(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto network = idle(env);
  const Plan& plan = network->plan();
  const auto state = info[0].As<Napi::Object>();
  StateView view;
  const auto field = [&](const char* name, size_t size) {
    const Napi::Value value = state.Get(name);
    if (value.IsUndefined()) return std::span<float>();
    if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_float32_array ||
        value.As<Napi::Float32Array>().ElementLength() != size) {
      throw Napi::RangeError::New(
          env, std::string("Expected a Float32Array of ") + std::to_string(size) + " for " + name);
    }
    return std::span<float>(value.As<Napi::Float32Array>().Data(), size);
  };
  view.parameters = field("parameters", plan.parameterCount);
  view.statistics = field("statistics", plan.statisticCount);
  view.m = field("m", plan.parameterCount);
  view.v = field("v", plan.parameterCount);
  const Napi::Value iterations = state.Get("iterations");
  try {
    network->writeState(view);
    if (iterations.IsNumber()) network->setIterations(iterations.As<Napi::Number>().Int64Value());
  } catch (const std::exception& error) {
    throw toJavaScript(env, error);
  }
}

void NetworkHandle::dispose(const Napi::CallbackInfo& info) {
  if (control_->busy) idle(info.Env());
  network_.reset();
}

Napi::Value NetworkHandle::parameterCount(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(network_ ? network_->plan().parameterCount : 0));
}

Napi::Value NetworkHandle::statisticCount(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(network_ ? network_->plan().statisticCount : 0));
}

}  // namespace convsweep
