#include "addon/values.h"

#include <cstring>

namespace convsweep {
namespace {

Napi::Value member(const Napi::Object& object, const char* key) {
  return object.Get(key);
}

double numberOr(const Napi::Object& object, const char* key, double fallback) {
  const Napi::Value value = member(object, key);
  return value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : fallback;
}

float floatOr(const Napi::Object& object, const char* key, float fallback) {
  return static_cast<float>(numberOr(object, key, fallback));
}

std::vector<int> integers(const Napi::Value& value) {
  if (!value.IsArray()) throw Napi::TypeError::New(value.Env(), "Expected an array of integers");
  const auto array = value.As<Napi::Array>();
  std::vector<int> result(array.Length());
  for (uint32_t i = 0; i < array.Length(); ++i) result[i] = array.Get(i).ToNumber().Int32Value();
  return result;
}

std::array<int, 2> pairOr(const Napi::Object& object, const char* key) {
  const Napi::Value value = member(object, key);
  if (value.IsUndefined()) return {1, 1};
  const auto both = integers(value);
  if (both.size() != 2) throw Napi::TypeError::New(value.Env(), std::string("Expected a pair for ") + key);
  return {both[0], both[1]};
}

Layer layerFrom(const Napi::Object& object) {
  Layer layer;
  layer.type = member(object, "type").ToString();
  layer.inputShape = integers(member(object, "inputShape"));
  layer.outputShape = integers(member(object, "outputShape"));
  const Napi::Value activation = member(object, "activation");
  if (activation.IsString()) layer.activation = activation.ToString();
  const Napi::Value useBias = member(object, "useBias");
  if (useBias.IsBoolean()) layer.useBias = useBias.ToBoolean();
  layer.window = pairOr(object, "window");
  layer.strides = pairOr(object, "strides");
  layer.scale = floatOr(object, "scale", 1);
  layer.offset = floatOr(object, "offset", 0);
  layer.momentum = numberOr(object, "momentum", 0);
  layer.epsilon = floatOr(object, "epsilon", 0);
  layer.rate = floatOr(object, "rate", 0);
  return layer;
}

}  // namespace

std::vector<Layer> layersFrom(const Napi::Value& value) {
  if (!value.IsArray()) throw Napi::TypeError::New(value.Env(), "Expected an array for layers");
  const auto array = value.As<Napi::Array>();
  std::vector<Layer> layers;
  for (uint32_t i = 0; i < array.Length(); ++i) layers.push_back(layerFrom(array.Get(i).As<Napi::Object>()));
  return layers;
}

Adam adamFrom(const Napi::Value& value) {
  const auto object = value.As<Napi::Object>();
  Adam adam;
  adam.learningRate = floatOr(object, "learningRate", adam.learningRate);
  adam.beta1 = floatOr(object, "beta1", adam.beta1);
  adam.beta2 = floatOr(object, "beta2", adam.beta2);
  adam.epsilon = floatOr(object, "epsilon", adam.epsilon);
  return adam;
}

Precision precisionFrom(const Napi::Value& value) {
  const std::string name = value.IsString() ? value.As<Napi::String>().Utf8Value() : "auto";
  if (name == "auto") return Precision::Automatic;
  if (name == "fp32") return Precision::Fp32;
  if (name == "tf32") return Precision::Tf32;
  throw Napi::TypeError::New(value.Env(), "Expected auto, fp32 or tf32 for precision");
}

std::vector<uint32_t> indicesFrom(const Napi::Value& value) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint32_array) {
    throw Napi::TypeError::New(value.Env(), "Expected a Uint32Array");
  }
  const auto array = value.As<Napi::Uint32Array>();
  return {array.Data(), array.Data() + array.ElementLength()};
}

Napi::Float32Array toFloat32Array(Napi::Env env, const std::vector<float>& values) {
  auto array = Napi::Float32Array::New(env, values.size());
  if (!values.empty()) std::memcpy(array.Data(), values.data(), values.size() * sizeof(float));
  return array;
}

}  // namespace convsweep
