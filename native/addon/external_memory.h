#pragma once

#include <napi.h>

namespace convsweep {

/** What V8 is told that an object holds outside its heap, so that it collects abandoned ones in time. */
class ExternalMemory {
 public:
  void report(Napi::Env env, int64_t bytes) {
    if (bytes != reported_) Napi::MemoryManagement::AdjustExternalMemory(env, bytes - reported_);
    reported_ = bytes;
  }

 private:
  int64_t reported_ = 0;
};

}  // namespace convsweep
