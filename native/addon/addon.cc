#include <napi.h>

#include "addon/dataset.h"
#include "addon/environment.h"
#include "addon/error.h"
#include "addon/network.h"
#include "addon/values.h"
#include "backend/backend.h"
#ifdef CONVSWEEP_CUDA_STANDIN
#include "standin/hooks.h"
#endif

namespace convsweep {
namespace {

/** What made the results, as far as it is not the machine: with musl exp and log are other ones than with
 * glibc. */
#if defined(__linux__) && !defined(__GLIBC__)
constexpr const char* kCompiler = CONVSWEEP_COMPILER " with musl";
#else
constexpr const char* kCompiler = CONVSWEEP_COMPILER;
#endif

Napi::Value buildInfo(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&] {
    auto object = Napi::Object::New(env);
    const BuildInfo build = backend::buildInfo();
    object.Set("backend", build.backend);
    object.Set("version", CONVSWEEP_VERSION);
    object.Set("compiler", kCompiler);
    if (!build.instructionSet.empty()) {
      auto sets = Napi::Array::New(env);
      for (const std::string& name : build.instructionSets) sets.Set(sets.Length(), name);
      object.Set("instructionSets", sets);
      object.Set("instructionSet", build.instructionSet);
    }
    if (!build.libraries.empty()) {
      auto libraries = Napi::Object::New(env);
      for (const auto& [name, version] : build.libraries) libraries.Set(name, version);
      object.Set("libraries", libraries);
    }
    return object;
  });
}

Napi::Value devices(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&] {
    auto list = Napi::Array::New(env);
    for (const DeviceInfo& device : backend::devices()) {
      auto object = Napi::Object::New(env);
      object.Set("name", device.name);
      object.Set("description", device.description);
      object.Set("concurrency", device.concurrency);
      auto precisions = Napi::Array::New(env);
      for (const Precision precision : device.precisions)
        precisions.Set(precisions.Length(), nameOf(precision));
      object.Set("precisions", precisions);
      object.Set("defaultPrecision", nameOf(device.defaultPrecision));
      list.Set(list.Length(), object);
    }
    return list;
  });
}

Napi::Value memoryInUse(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(backend::memoryInUse()));
}

Napi::Object initialise(Napi::Env env, Napi::Object exports) {
  Environment::attach(env);
  exports.Set("buildInfo", Napi::Function::New<buildInfo>(env, "buildInfo"));
  exports.Set("devices", Napi::Function::New<devices>(env, "devices"));
  exports.Set("memoryInUse", Napi::Function::New<memoryInUse>(env, "memoryInUse"));
  exports.Set("Dataset", DatasetHandle::define(env));
  exports.Set("Network", NetworkHandle::define(env));
#ifdef CONVSWEEP_CUDA_STANDIN
  standin::expose(env, exports);
#endif
  return exports;
}

NODE_API_MODULE(convsweep, initialise)

}  // namespace
}  // namespace convsweep
