#include "addon/error.h"

#include <new>
#include <stdexcept>

#include "backend/error.h"

namespace convsweep {

bool isOutOfMemory(const std::exception& error) {
  const auto* known = dynamic_cast<const Error*>(&error);
  return known
             ? known->code() == "OUT_OF_MEMORY"
             : dynamic_cast<const std::bad_alloc*>(&error) || dynamic_cast<const std::length_error*>(&error);
}

Napi::Error toJavaScript(Napi::Env env, const std::exception& error) {
  const auto* known = dynamic_cast<const Error*>(&error);
  const bool memory = !known && isOutOfMemory(error);
  Napi::Error value = Napi::Error::New(env, memory ? "The process is out of memory" : error.what());
  value.Set("code", Napi::String::New(env, known ? known->code() : memory ? "OUT_OF_MEMORY" : "NATIVE"));
  return value;
}

}  // namespace convsweep
