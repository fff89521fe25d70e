#include "bench/gpu/probe/call_fact.h"

#include <cuda_runtime.h>

#include "backend/error.h"

namespace convsweep::probe {

bool printCallFact(const std::string& call, size_t n, bool tf32, size_t offset,
                   const std::function<void(Fact&)>& measure) {
  Fact fact;
  fact.text("call", call).count("images", static_cast<int64_t>(n));
  fact.text("precision", tf32 ? "tf32" : "fp32").count("offset", static_cast<int64_t>(offset));
  std::string status = "ok";
  try {
    measure(fact);
  } catch (const Error& error) {
    status = error.what();
  }
  const bool lost = cudaDeviceSynchronize() != cudaSuccess;
  fact.text("status", status).print();
  return !lost;
}

}  // namespace convsweep::probe
