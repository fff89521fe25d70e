#pragma once

#include <napi.h>

#include <exception>

namespace convsweep {

/** Whether a device or the process has too little memory. */
bool isOutOfMemory(const std::exception& error);

/** `error` as a JavaScript error with `code`. */
Napi::Error toJavaScript(Napi::Env env, const std::exception& error);

/** What `body` returns. An exception that it leaves with would end the process in Node: it becomes an error
 * with a code. */
template <typename Body>
auto guarded(Napi::Env env, Body body) {
  try {
    return body();
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::exception& error) {
    throw toJavaScript(env, error);
  }
}

}  // namespace convsweep
