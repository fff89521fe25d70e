#pragma once

#include <cudnn.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "standin/handle.h"

struct cudnnContext : standin::Handle {};

/** What the legacy calls and the graph API share. */
namespace standin {

template <typename Descriptor>
cudnnStatus_t create(Descriptor** descriptor, const char* kind) {
  *descriptor = new Descriptor;
  born(*descriptor, kind);
  return CUDNN_STATUS_SUCCESS;
}

template <typename Descriptor>
cudnnStatus_t destroy(Descriptor* descriptor, const char* kind) {
  if (!died(descriptor, kind)) return CUDNN_STATUS_BAD_PARAM;
  delete descriptor;
  return CUDNN_STATUS_SUCCESS;
}

/** What a call leaves in memory: alpha * value + beta * what was there. With beta 0 that is not even read. */
inline void blend(float alpha, double value, float beta, float& place) {
  place = static_cast<float>(alpha * value + (beta == 0 ? 0 : beta * static_cast<double>(place)));
}

/** Puts `kernel` into the handle's queue; `ranges` must be sound now, and when it runs. */
inline cudnnStatus_t enqueue(cudnnHandle_t handle, const char* call, const std::string& kind,
                             std::vector<Range> ranges, std::function<void()> kernel) {
  const int device = handle->device;
  if (!sound(call, device, ranges)) return CUDNN_STATUS_BAD_PARAM;
  const cudaError_t error =
      submit(handle->stream, {std::string(call) + kind, [=, kernel = std::move(kernel)] {
                                if (sound(call, device, ranges)) kernel();
                              }});
  return error ? CUDNN_STATUS_EXECUTION_FAILED : CUDNN_STATUS_SUCCESS;
}

inline cudnnStatus_t mismatch(const char* call, const std::string& what) {
  violation(std::string(call) + ": " + what);
  return CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH;
}

}  // namespace standin
