#include "standin/hooks.h"

#include "standin/device.h"

namespace standin {
namespace {

Napi::Value reportOf(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Report now = report();
  auto object = Napi::Object::New(env), alive = Napi::Object::New(env);
  auto violations = Napi::Array::New(env), kinds = Napi::Array::New(env);
  for (const std::string& violation : now.violations) violations.Set(violations.Length(), violation);
  for (const std::string& kind : now.kinds) kinds.Set(kinds.Length(), kind);
  for (const auto& [kind, count] : now.alive) alive.Set(kind, static_cast<double>(count));
  object.Set("violations", violations);
  object.Set("kinds", kinds);
  object.Set("alive", alive);
  const auto count = [&](const char* name, uint64_t value) { object.Set(name, static_cast<double>(value)); };
  count("allocations", now.allocations);
  count("operations", now.operations);
  count("captures", now.captures);
  count("broken", now.broken);
  count("deepest", now.deepest);
  count("replays", now.replays);
  count("waits", now.waits);
  count("heuristics", now.heuristics);
  object.Set("connections", now.connections);
  object.Set("sleeps", now.sleeps);
  return object;
}

void configureFrom(const Napi::CallbackInfo& info) {
  configure(info[0].ToString());
}

}  // namespace

void expose(Napi::Env env, Napi::Object exports) {
  auto object = Napi::Object::New(env);
  object.Set("report", Napi::Function::New<reportOf>(env, "report"));
  object.Set("configure", Napi::Function::New<configureFrom>(env, "configure"));
  exports.Set("standin", object);
}

}  // namespace standin
