#include "bench/gpu/probe/captures.h"

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <thread>

#include "backend/error.h"
#include "bench/gpu/probe/fact.h"
#include "bench/gpu/probe/recording.h"
#include "cuda/check.h"
#include "cuda/kernels.h"

namespace convsweep::probe {
namespace {

using namespace cuda;

constexpr std::chrono::milliseconds kDuration{100};
constexpr uint32_t kValues = 1024;
/** About as many as a step has. */
constexpr int kKernels = 50;

/** What a thread does once; it has a stream and a recording of its own. */
struct Disturbance {
  const char* name;
  void (*act)(cudaStream_t stream, const cudaGraphExec_t& graph);
};

const Disturbance kDisturbances[] = {
    {"nothing", [](cudaStream_t, const cudaGraphExec_t&) { std::this_thread::yield(); }},
    {"cudaMalloc, cudaFree",
     [](cudaStream_t, const cudaGraphExec_t&) {
       void* memory = nullptr;
       CUDART(cudaMalloc, &memory, size_t{1} << 20);
       CUDART(cudaFree, memory);
     }},
    {"cudaMallocHost, cudaFreeHost",
     [](cudaStream_t, const cudaGraphExec_t&) {
       void* memory = nullptr;
       CUDART(cudaMallocHost, &memory, size_t{4096});
       CUDART(cudaFreeHost, memory);
     }},
    {"a stream made and destroyed", [](cudaStream_t, const cudaGraphExec_t&) { makeStream(); }},
    {"a cuDNN handle made and destroyed",
     [](cudaStream_t stream, const cudaGraphExec_t&) { CudnnHandle handle(stream); }},
    {"a cuBLAS handle made and destroyed",
     [](cudaStream_t, const cudaGraphExec_t&) {
       cublasHandle_t handle = nullptr;
       CUBLAS(cublasCreate_v2, &handle);
       CUBLAS(cublasDestroy_v2, handle);
     }},
    {"cudaStreamSynchronize of its own stream",
     [](cudaStream_t stream, const cudaGraphExec_t&) { CUDART(cudaStreamSynchronize, stream); }},
    {"cudaDeviceSynchronize", [](cudaStream_t, const cudaGraphExec_t&) { CUDART(cudaDeviceSynchronize); }},
    {"a recording launched",
     [](cudaStream_t stream, const cudaGraphExec_t& graph) {
       CUDART(cudaGraphLaunch, graph, stream);
       CUDART(cudaStreamSynchronize, stream);
     }},
};

}  // namespace

std::vector<std::string> disturbances() {
  std::vector<std::string> names;
  for (const Disturbance& it : kDisturbances) names.emplace_back(it.name);
  return names;
}

void checkCaptures(const std::shared_ptr<Device>& device, const std::string& disturbance) {
  const Disturbance* found = nullptr;
  for (const Disturbance& it : kDisturbances) {
    if (it.name == disturbance) found = &it;
  }
  if (!found) throw Error("INVALID_ARGUMENT", "There is no disturbance " + disturbance);

  const Stream stream = makeStream(), other = makeStream();
  const DeviceMemory memory = device->memory(4 * kValues * sizeof(float), "values");
  auto* const values = memory.as<float>();
  const auto kernels = [](cudaStream_t where, float* from) {
    for (int i = 0; i < kKernels; ++i) affine(where, from, kValues, 1, 0, from + kValues);
  };
  // Code is loaded before it is recorded.
  kernels(stream.get(), values);
  kernels(other.get(), values + 2 * kValues);
  CUDART(cudaDeviceSynchronize);
  const Recording recording = record(other.get(), [&] { kernels(other.get(), values + 2 * kValues); });
  check(recording.status, {"cudaStreamEndCapture", __FILE__, __LINE__});

  std::atomic<bool> stop{false};
  std::atomic<size_t> acts{0};
  std::string failure;
  std::thread disturber([&] {
    try {
      device->makeCurrent();
      while (!stop) {
        found->act(other.get(), recording.graph.get());
        ++acts;
      }
    } catch (const Error& error) {
      failure = error.what();
    }
  });
  std::map<std::string, size_t> outcomes;
  const auto end = std::chrono::steady_clock::now() + kDuration;
  while (std::chrono::steady_clock::now() < end) {
    ++outcomes[cudaGetErrorName(record(stream.get(), [&] { kernels(stream.get(), values); }).status)];
  }
  stop = true;
  disturber.join();

  Fact recordings;
  for (const auto& [status, count] : outcomes) recordings.count(status, count);
  Fact fact;
  fact.text("beside", disturbance).count("times", acts.load());
  fact.object("recordings", recordings);
  fact.text("status", failure.empty() ? "ok" : failure).print();
}

}  // namespace convsweep::probe
