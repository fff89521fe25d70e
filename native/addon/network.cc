#include "addon/network.h"

#include <algorithm>
#include <numeric>
#include <span>
#include <utility>

#include "addon/dataset.h"
#include "addon/error.h"
#include "addon/job.h"
#include "addon/values.h"
#include "backend/buffer.h"
#include "backend/error.h"

namespace convsweep {
namespace {

/** The largest integer from which on doubles have gaps. */
constexpr int64_t kMostExact = (int64_t{1} << 53) - 1;

/** With an address of its own in each addon and each copy of one, whose networks are of other classes. */
const napi_type_tag* tag() {
  static const napi_type_tag tag = {0x9d2e70c5418f4b36, reinterpret_cast<uintptr_t>(&tag)};
  return &tag;
}

/** What a method is called on may be any object that wraps something. */
void requireNetwork(const Napi::CallbackInfo& info) {
  if (!info.This().As<Napi::Object>().CheckTypeTag(tag())) {
    throw Napi::TypeError::New(info.Env(), "Expected a Network of this addon for this");
  }
}

Napi::Object toObject(Napi::Env env, const Metrics& metrics) {
  auto object = Napi::Object::New(env);
  object.Set("loss", metrics.loss);
  object.Set("accuracy", metrics.accuracy);
  return object;
}

Napi::Float32Array toFloat32Array(Napi::Env env, const Buffer<float>& values, size_t size) {
  auto array = newFloat32Array(env, size);
  std::copy_n(values.data(), size, array.Data());
  return array;
}

/** The memory of `value`, of so many numbers; valid until JavaScript runs. */
std::span<float> spanOf(const Napi::Value& value, const std::string& name, size_t size) {
  Napi::Float32Array array = floatsFrom(value, name);
  if (array.ElementLength() != size) {
    throw Napi::RangeError::New(value.Env(), "Expected " + std::to_string(size) + " numbers for " + name);
  }
  return {array.Data(), size};
}

size_t batchSizeFrom(const Napi::Value& value) {
  return static_cast<size_t>(integerFrom(value, "batchSize", 1, kMostExact));
}

}  // namespace

template <auto method>
Napi::Value NetworkHandle::call(const Napi::CallbackInfo& info) {
  requireNetwork(info);
  return guarded(info.Env(), [&] { return (this->*method)(info); });
}
template <auto method>
void NetworkHandle::callVoid(const Napi::CallbackInfo& info) {
  requireNetwork(info);
  guarded(info.Env(), [&] { (this->*method)(info); });
}

/** No accessors: unlike methods they would be called with any `this`. */
Napi::Function NetworkHandle::define(Napi::Env env) {
  using Self = NetworkHandle;
  return DefineClass(env, "Network",
                     {
                         InstanceMethod<&Self::call<&Self::trainEpoch>>("trainEpoch"),
                         InstanceMethod<&Self::call<&Self::evaluate>>("evaluate"),
                         InstanceMethod<&Self::call<&Self::predict>>("predict"),
                         InstanceMethod<&Self::call<&Self::gradients>>("gradients"),
                         InstanceMethod<&Self::call<&Self::progress>>("progress"),
                         InstanceMethod<&Self::callVoid<&Self::abort>>("abort"),
                         InstanceMethod<&Self::call<&Self::readState>>("readState"),
                         InstanceMethod<&Self::callVoid<&Self::writeState>>("writeState"),
                         InstanceMethod<&Self::callVoid<&Self::dispose>>("dispose"),
                     });
}

NetworkHandle::NetworkHandle(const Napi::CallbackInfo& info) : Napi::ObjectWrap<NetworkHandle>(info) {
  guarded(info.Env(), [&] { create(info); });
}

void NetworkHandle::create(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto options = objectFrom(info[0], "options");
  const auto device = static_cast<int>(integerFrom(options.Get("device"), "device", 0, INT32_MAX));
  const SessionOptions sessionOptions{
      static_cast<uint32_t>(integerFrom(options.Get("seed"), "seed", 0, UINT32_MAX)),
      precisionFrom(options.Get("precision"))};
  control_->threads = static_cast<size_t>(integerFrom(options.Get("threads"), "threads", 1, INT32_MAX));
  const auto layers = layersFrom(options.Get("layers"));
  const Adam adam = adamFrom(options.Get("adam"));
  network_ = std::make_shared<Network>(device, layers, adam, sessionOptions);
  const Plan& plan = network_->plan();
  for (const auto& [name, count] :
       {std::pair{"parameterCount", plan.parameterCount}, {"statisticCount", plan.statisticCount}}) {
    const auto number = Napi::Number::New(env, static_cast<double>(count));
    info.This().As<Napi::Object>().DefineProperty(
        Napi::PropertyDescriptor::Value(name, number, napi_enumerable));
  }
  info.This().As<Napi::Object>().TypeTag(tag());
  memory_->report(env, network_->bytes());
}

void NetworkHandle::Finalize(Napi::Env env) {
  memory_->report(env, 0);
}

std::shared_ptr<Network> NetworkHandle::idle() const {
  if (!network_) throw Error("STATE", "The model was disposed");
  if (control_->busy) throw Error("STATE", "The model is busy with another call");
  return network_;
}

NetworkHandle::Rows NetworkHandle::rowsFrom(const Napi::CallbackInfo& info, const Plan& plan,
                                            Labels labels) const {
  const Napi::Env env = info.Env();
  // Named, because GCC 13 takes what comes of a temporary for dangling.
  const Napi::Value dataset = info[0];
  const DatasetHandle& handle = DatasetHandle::from(dataset);
  Rows rows{handle.copy(), indicesFrom(info[1], "rows")};
  if (rows.indices.empty()) throw Napi::RangeError::New(env, "Expected at least one row for rows");
  if (*std::max_element(rows.indices.begin(), rows.indices.end()) >= handle.count()) {
    throw Napi::RangeError::New(env, "Expected rows below the dataset's count for rows");
  }
  if (handle.imageSize() != plan.imageSize) {
    throw Napi::RangeError::New(env, "Expected images of " + std::to_string(plan.imageSize) +
                                         " pixels for dataset but they have " +
                                         std::to_string(handle.imageSize()));
  }
  if (labels == Labels::Used && handle.largestLabel() >= plan.outputSize) {
    throw Napi::RangeError::New(env, "Expected labels below " + std::to_string(plan.outputSize) +
                                         " for dataset but the largest is " +
                                         std::to_string(handle.largestLabel()));
  }
  return rows;
}

Napi::Promise NetworkHandle::start(Napi::Env env, const std::shared_ptr<Network>& network,
                                   std::function<void()> work, std::function<Napi::Value(Napi::Env)> result) {
  const auto ended = [network, memory = std::weak_ptr(memory_)](Napi::Env env) {
    if (const auto live = memory.lock()) live->report(env, network->bytes());
  };
  const auto withinMemory = [network, work = std::move(work)] {
    try {
      work();
    } catch (const std::exception& error) {
      // What the call has taken would be missed by others, and by smaller calls on this network.
      if (isOutOfMemory(error)) network->releaseMemory();
      throw;
    }
  };
  return Job::start(env, control_, {withinMemory, ended, std::move(result)});
}

Napi::Value NetworkHandle::trainEpoch(const Napi::CallbackInfo& info) {
  const auto network = idle();
  auto rows = rowsFrom(info, network->plan(), Labels::Used);
  auto sizes = indicesFrom(info[2], "batchSizes");
  const bool positive = std::find(sizes.begin(), sizes.end(), 0u) == sizes.end();
  if (!positive || std::accumulate(sizes.begin(), sizes.end(), uint64_t{0}) != rows.indices.size()) {
    throw Napi::RangeError::New(info.Env(), "Expected positive sizes that add up to the rows for batchSizes");
  }
  auto metrics = std::make_shared<Metrics>();
  return start(
      info.Env(), network,
      [network, rows = std::move(rows), sizes = std::move(sizes), metrics, control = control_] {
        *metrics = network->trainEpoch(*rows.dataset, rows.indices, sizes, *control);
      },
      [metrics](Napi::Env env) { return toObject(env, *metrics); });
}

Napi::Value NetworkHandle::evaluate(const Napi::CallbackInfo& info) {
  const auto network = idle();
  auto rows = rowsFrom(info, network->plan(), Labels::Used);
  const size_t batchSize = batchSizeFrom(info[2]);
  auto metrics = std::make_shared<Metrics>();
  return start(
      info.Env(), network,
      [network, rows = std::move(rows), batchSize, metrics, control = control_] {
        *metrics = network->evaluate(*rows.dataset, rows.indices, batchSize, *control);
      },
      [metrics](Napi::Env env) { return toObject(env, *metrics); });
}

Napi::Value NetworkHandle::predict(const Napi::CallbackInfo& info) {
  const auto network = idle();
  auto rows = rowsFrom(info, network->plan(), Labels::Unused);
  const size_t batchSize = batchSizeFrom(info[2]);
  const bool training = booleanFrom(info[3], "training");
  const size_t size = rows.indices.size() * network->plan().outputSize;
  auto outputs = std::make_shared<Buffer<float>>(size);
  return start(
      info.Env(), network,
      [network, rows = std::move(rows), batchSize, training, outputs, control = control_] {
        network->predict(*rows.dataset, rows.indices, batchSize, training, outputs->data(), *control);
      },
      [outputs, size](Napi::Env env) { return toFloat32Array(env, *outputs, size); });
}

Napi::Value NetworkHandle::gradients(const Napi::CallbackInfo& info) {
  const auto network = idle();
  auto rows = rowsFrom(info, network->plan(), Labels::Used);
  const size_t size = network->plan().parameterCount;
  auto gradients = std::make_shared<Buffer<float>>(size);
  auto loss = std::make_shared<double>();
  return start(
      info.Env(), network,
      [network, rows = std::move(rows), gradients, loss] {
        *loss = network->gradients(*rows.dataset, rows.indices, gradients->data());
      },
      [gradients, size, loss](Napi::Env env) {
        auto object = Napi::Object::New(env);
        object.Set("loss", *loss);
        object.Set("gradients", toFloat32Array(env, *gradients, size));
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
  const Plan plan = idle()->plan();
  // All arrays before any pointer: making one runs JavaScript where somebody replaced the constructor.
  const Napi::Value parameters = newFloat32Array(env, plan.parameterCount),
                    statistics = newFloat32Array(env, plan.statisticCount),
                    m = newFloat32Array(env, plan.parameterCount),
                    v = newFloat32Array(env, plan.parameterCount);
  const auto network = idle();
  network->readState({spanOf(parameters, "parameters", plan.parameterCount),
                      spanOf(statistics, "statistics", plan.statisticCount),
                      spanOf(m, "m", plan.parameterCount), spanOf(v, "v", plan.parameterCount)});
  auto object = Napi::Object::New(env);
  object.Set("parameters", parameters);
  object.Set("statistics", statistics);
  object.Set("m", m);
  object.Set("v", v);
  object.Set("iterations", static_cast<double>(network->iterations()));
  return object;
}

void NetworkHandle::writeState(const Napi::CallbackInfo& info) {
  const auto state = objectFrom(info[0], "state");
  const Napi::Value parameters = state.Get("parameters"), statistics = state.Get("statistics"),
                    m = state.Get("m"), v = state.Get("v"), iterations = state.Get("iterations");
  const auto network = idle();
  const Plan& plan = network->plan();
  const auto view = [](const Napi::Value& value, const char* name, size_t size) {
    return value.IsUndefined() ? std::span<float>() : spanOf(value, name, size);
  };
  const StateView from{view(parameters, "parameters", plan.parameterCount),
                       view(statistics, "statistics", plan.statisticCount), view(m, "m", plan.parameterCount),
                       view(v, "v", plan.parameterCount)};
  const int64_t steps =
      iterations.IsUndefined() ? network->iterations() : integerFrom(iterations, "iterations", 0, kMostExact);
  network->writeState(from);
  network->setIterations(steps);
}

void NetworkHandle::dispose(const Napi::CallbackInfo& info) {
  if (control_->busy) idle();
  network_.reset();
  memory_->report(info.Env(), 0);
}

}  // namespace convsweep
