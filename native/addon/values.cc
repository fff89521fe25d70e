#include "addon/values.h"

#include <algorithm>
#include <climits>
#include <cmath>

namespace convsweep {
namespace {

Napi::TypeError expected(const Napi::Value& value, const std::string& what, const std::string& name) {
  return Napi::TypeError::New(value.Env(), "Expected " + what + " for " + name);
}

double numberFrom(const Napi::Value& value, const std::string& name) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : NAN;
  if (!std::isfinite(number)) throw expected(value, "a finite number", name);
  return number;
}

float floatFrom(const Napi::Value& value, const std::string& name) {
  const float number = static_cast<float>(numberFrom(value, name));
  if (!std::isfinite(number)) throw expected(value, "a number that float32 holds", name);
  return number;
}

std::string textFrom(const Napi::Value& value, const std::string& name) {
  if (!value.IsString()) throw expected(value, "a string", name);
  return value.As<Napi::String>().Utf8Value();
}

bool isArrayOf(const Napi::Value& value, napi_typedarray_type type) {
  return value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == type;
}

/** `least` to `most` integers from 1 on. */
std::vector<int> extentsFrom(const Napi::Value& value, const std::string& name, uint32_t least,
                             uint32_t most) {
  const uint32_t length = value.IsArray() ? value.As<Napi::Array>().Length() : 0;
  if (length < least || length > most) {
    throw expected(
        value, "an array of " + std::to_string(least) + " to " + std::to_string(most) + " integers", name);
  }
  std::vector<int> result;
  for (uint32_t i = 0; i < length; ++i) {
    const auto item = value.As<Napi::Array>().Get(i);
    result.push_back(static_cast<int>(integerFrom(item, name + "[" + std::to_string(i) + "]", 1, INT_MAX)));
  }
  return result;
}

std::array<int, 2> pairFrom(const Napi::Value& value, const std::string& name) {
  const std::vector<int> both = extentsFrom(value, name, 2, 2);
  return {both[0], both[1]};
}

Layer layerFrom(const Napi::Object& object, const std::string& name) {
  const auto of = [&](const char* key) { return object.Get(key); };
  const auto called = [&](const char* key) { return name + "." + key; };
  Layer layer;
  layer.type = textFrom(of("type"), called("type"));
  layer.inputShape = extentsFrom(of("inputShape"), called("inputShape"), 1, 3);
  layer.outputShape = extentsFrom(of("outputShape"), called("outputShape"), 1, 3);
  const bool conv = layer.type == "Conv2D", dense = layer.type == "Dense";
  if (conv || dense || layer.type == "Activation") {
    layer.activation = textFrom(of("activation"), called("activation"));
  }
  if (conv || dense) layer.useBias = booleanFrom(of("useBias"), called("useBias"));
  if (conv || layer.type == "MaxPooling2D") {
    layer.window = pairFrom(of("window"), called("window"));
    layer.strides = pairFrom(of("strides"), called("strides"));
  }
  if (layer.type == "Rescaling") {
    layer.scale = floatFrom(of("scale"), called("scale"));
    layer.offset = floatFrom(of("offset"), called("offset"));
  }
  if (layer.type == "BatchNormalization") {
    layer.momentum = numberFrom(of("momentum"), called("momentum"));
    layer.epsilon = floatFrom(of("epsilon"), called("epsilon"));
  }
  if (layer.type == "Dropout") layer.rate = floatFrom(of("rate"), called("rate"));
  return layer;
}

}  // namespace

Napi::Object objectFrom(const Napi::Value& value, const std::string& name) {
  if (!value.IsObject()) throw expected(value, "an object", name);
  return value.As<Napi::Object>();
}

std::vector<Layer> layersFrom(const Napi::Value& value) {
  if (!value.IsArray()) throw expected(value, "an array", "layers");
  const auto array = value.As<Napi::Array>();
  std::vector<Layer> layers;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const std::string name = "layers[" + std::to_string(i) + "]";
    layers.push_back(layerFrom(objectFrom(array.Get(i), name), name));
  }
  return layers;
}

Adam adamFrom(const Napi::Value& value) {
  const Napi::Object object = objectFrom(value, "adam");
  const auto field = [&](const char* key) { return floatFrom(object.Get(key), std::string("adam.") + key); };
  return {field("learningRate"), field("beta1"), field("beta2"), field("epsilon")};
}

Precision precisionFrom(const Napi::Value& value) {
  const std::string name = textFrom(value, "precision");
  for (const Precision precision : {Precision::Fp32, Precision::Tf32}) {
    if (name == nameOf(precision)) return precision;
  }
  throw expected(value, "fp32 or tf32", "precision");
}

const char* nameOf(Precision precision) {
  return precision == Precision::Fp32 ? "fp32" : "tf32";
}

int64_t integerFrom(const Napi::Value& value, const std::string& name, int64_t least, int64_t most) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : NAN;
  if (!(number >= static_cast<double>(least) && number <= static_cast<double>(most) &&
        number == std::trunc(number))) {
    throw expected(value, "an integer from " + std::to_string(least) + " to " + std::to_string(most), name);
  }
  return static_cast<int64_t>(number);
}

bool booleanFrom(const Napi::Value& value, const std::string& name) {
  if (!value.IsBoolean()) throw expected(value, "true or false", name);
  return value.As<Napi::Boolean>();
}

Napi::Uint8Array bytesFrom(const Napi::Value& value, const std::string& name) {
  if (!isArrayOf(value, napi_uint8_array)) throw expected(value, "a Uint8Array", name);
  return value.As<Napi::Uint8Array>();
}

Napi::Float32Array floatsFrom(const Napi::Value& value, const std::string& name) {
  if (!isArrayOf(value, napi_float32_array)) throw expected(value, "a Float32Array", name);
  return value.As<Napi::Float32Array>();
}

std::vector<uint32_t> indicesFrom(const Napi::Value& value, const std::string& name) {
  if (!isArrayOf(value, napi_uint32_array)) throw expected(value, "a Uint32Array", name);
  const auto array = value.As<Napi::Uint32Array>();
  std::vector<uint32_t> indices(array.ElementLength());
  std::copy_n(array.Data(), indices.size(), indices.begin());
  return indices;
}

Napi::Float32Array newFloat32Array(Napi::Env env, size_t size) {
  const Napi::Value made = env.Global()
                               .Get("Float32Array")
                               .As<Napi::Function>()
                               .New({
                                   Napi::Number::New(env, static_cast<double>(size)),
                               });
  const Napi::Float32Array array = floatsFrom(made, "what Float32Array makes");
  if (array.ElementLength() != size) throw Napi::RangeError::New(env, "Float32Array was replaced");
  return array;
}

}  // namespace convsweep
