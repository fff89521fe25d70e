#include "bench/gpu/probe/device_facts.h"

#include <cuda_runtime.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "backend/error.h"
#include "bench/gpu/probe/fact.h"
#include "cuda/check.h"
#include "cuda/graph.h"
#include "cuda/libraries.h"

namespace convsweep::probe {
namespace {

/** The files with one of NVIDIA's names that this process has mapped. */
std::set<std::string> loadedFiles() {
  std::set<std::string> files;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    const size_t path = line.find('/');
    if (path == std::string::npos) continue;
    const std::string name = line.substr(line.rfind('/') + 1);
    if (name.starts_with("libcu") || name.starts_with("libnv")) files.insert(line.substr(path));
  }
  return files;
}

}  // namespace

void printLibraries(const std::shared_ptr<cuda::Device>& device) {
  // Its handles have cuDNN load the parts that every program needs.
  const cuda::OwnedLane lane = device->takeLane();
  int driver = 0, runtime = 0;
  CUDART(cudaDriverGetVersion, &driver);
  CUDART(cudaRuntimeGetVersion, &runtime);
  cudaDeviceProp properties;
  CUDART(cudaGetDeviceProperties, &properties, device->ordinal());
  size_t free = 0, total = 0;
  CUDART(cudaMemGetInfo, &free, &total);
  const char* const connections = std::getenv("CUDA_DEVICE_MAX_CONNECTIONS");
  Fact fact;
  fact.text("device", properties.name)
      .count("capability", properties.major * 10 + properties.minor)
      .count("processors", properties.multiProcessorCount)
      .count("l2Bytes", properties.l2CacheSize)
      .count("memoryBytes", total)
      .count("freeBytes", free)
      .count("driver", driver)
      .count("runtime", runtime)
      .text("cudnn", cuda::libraries().cudnnVersion)
      .text("cublas", cuda::libraries().cublasVersion)
      .text("connections", connections ? connections : "");
  fact.print();
  for (const std::string& file : loadedFiles()) Fact().text("loaded", file).print();
}

void printDescription(const std::shared_ptr<cuda::Device>& device) {
  constexpr size_t kLongest = 16384;
  const cuda::OwnedLane lane = device->takeLane();
  cuda::GraphDescriptor description(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
  description.set(CUDNN_ATTR_DEVICEPROP_HANDLE, lane->cudnn());
  description.finalize();
  const std::vector<char> text = description.list<char>(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, kLongest);
  std::string json(text.begin(), text.end());
  // A fact is one line, and the text may come with the zero that ends it.
  std::erase_if(json, [](char character) { return static_cast<unsigned char>(character) < ' '; });
  Fact().json("description", json).print();
}

}  // namespace convsweep::probe
