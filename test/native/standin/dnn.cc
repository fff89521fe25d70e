#include <cudnn.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "standin/handle.h"

/** NCHW, floats, packed: all that convsweep uses. */
struct cudnnTensorStruct {
  int n = 0, c = 0, h = 0, w = 0;
  size_t size() const { return static_cast<size_t>(n) * c * h * w; }
  size_t bytes() const { return size() * sizeof(float); }
  bool operator==(const cudnnTensorStruct&) const = default;
};
struct cudnnFilterStruct {
  int k = 0, c = 0, h = 0, w = 0;
  size_t bytes() const { return static_cast<size_t>(k) * c * h * w * sizeof(float); }
};
struct cudnnConvolutionStruct {
  int padY = 0, padX = 0, strideY = 0, strideX = 0;
  cudnnMathType_t math = CUDNN_DEFAULT_MATH;
};
struct cudnnContext : standin::Handle {};

namespace standin {
namespace {

using Tensor = cudnnTensorStruct;

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

float scalar(const void* pointer) {
  return *static_cast<const float*>(pointer);
}

/** What a call leaves in memory: alpha * value + beta * what was there. With beta 0 that is not even read. */
void blend(float alpha, double value, float beta, float& place) {
  place = static_cast<float>(alpha * value + (beta == 0 ? 0 : beta * static_cast<double>(place)));
}

/** Puts `kernel` into the handle's queue; `ranges` must be sound now, and when it runs. */
cudnnStatus_t enqueue(cudnnHandle_t handle, const char* call, const std::string& kind,
                      std::vector<Range> ranges, std::function<void()> kernel) {
  const int device = handle->device;
  if (!sound(call, device, ranges)) return CUDNN_STATUS_BAD_PARAM;
  const cudaError_t error =
      submit(handle->stream, {std::string(call) + kind, [=, kernel = std::move(kernel)] {
                                if (sound(call, device, ranges)) kernel();
                              }});
  return error ? CUDNN_STATUS_EXECUTION_FAILED : CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t mismatch(const char* call, const char* what) {
  violation(std::string(call) + ": " + what);
  return CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH;
}

// ------------------------------------------------------------------------------------------------
// convolution

/** Sizes of one convolution, and how its operands are rounded. */
struct Convolution {
  Tensor x, y;
  cudnnFilterStruct w;
  cudnnConvolutionStruct how;

  /** Nonzero, different for each shape and algorithm, so that only the size that was asked for fits. */
  size_t workspace(int algorithm) const {
    return 1024 + 4 * (y.size() / y.n) + 256 * static_cast<size_t>(algorithm);
  }

  std::string kind(int algorithm) const {
    const std::vector<int> sizes{x.n, x.c, x.h, x.w, y.c, w.h, w.w, how.strideY, how.strideX, algorithm};
    std::string text;
    for (const int size : sizes) text.append(1, ' ').append(std::to_string(size));
    return text;
  }

  std::shared_ptr<std::vector<float>> operand(const float* values, size_t size) const {
    auto result = std::make_shared<std::vector<float>>(values, values + size);
    if (how.math != CUDNN_FMA_MATH) std::transform(result->begin(), result->end(), result->begin(), toTf32);
    return result;
  }

  /** Calls `use(x index, y index, count)` for each row that one weight (r, s) joins, with the strides in x
   * and y. */
  template <typename F>
  void rows(int r, int s, F use) const {
    for (int oy = 0; oy < y.h; ++oy) {
      const int iy = oy * how.strideY - how.padY + r;
      if (iy < 0 || iy >= x.h) continue;
      int first = 0, last = y.w;
      while (first < last && first * how.strideX - how.padX + s < 0) ++first;
      while (last > first && (last - 1) * how.strideX - how.padX + s >= x.w) --last;
      use(static_cast<size_t>(iy) * x.w + first * how.strideX - how.padX + s,
          static_cast<size_t>(oy) * y.w + first, last - first);
    }
  }

  /** Calls `use(c, r, s, index)` for each weight of filter `k`. */
  template <typename F>
  void weights(int k, F use) const {
    for (int c = 0; c < w.c; ++c) {
      for (int r = 0; r < w.h; ++r) {
        for (int s = 0; s < w.w; ++s) use(c, r, s, ((static_cast<size_t>(k) * w.c + c) * w.h + r) * w.w + s);
      }
    }
  }

  size_t xPlane() const { return static_cast<size_t>(x.h) * x.w; }
  size_t yPlane() const { return static_cast<size_t>(y.h) * y.w; }

  void forward(float alpha, const float* xs, const float* ws, float beta, float* ys) const {
    const auto in = operand(xs, x.size()), filter = operand(ws, w.bytes() / sizeof(float));
    std::vector<double> sums(yPlane());
    for (int n = 0; n < x.n; ++n) {
      for (int k = 0; k < w.k; ++k) {
        sums.assign(yPlane(), 0);
        weights(k, [&](int c, int r, int s, size_t index) {
          const double weight = (*filter)[index];
          const float* const from = in->data() + (static_cast<size_t>(n) * x.c + c) * xPlane();
          rows(r, s, [&](size_t xi, size_t yi, int count) {
            for (int i = 0; i < count; ++i)
              sums[yi + i] += weight * from[xi + static_cast<size_t>(i) * how.strideX];
          });
        });
        float* const to = ys + (static_cast<size_t>(n) * y.c + k) * yPlane();
        for (size_t i = 0; i < yPlane(); ++i) blend(alpha, sums[i], beta, to[i]);
      }
    }
  }

  void backwardData(float alpha, const float* ws, const float* dys, float beta, float* dxs) const {
    const auto filter = operand(ws, w.bytes() / sizeof(float)), out = operand(dys, y.size());
    std::vector<double> sums(xPlane() * x.c);
    for (int n = 0; n < x.n; ++n) {
      sums.assign(sums.size(), 0);
      for (int k = 0; k < w.k; ++k) {
        const float* const from = out->data() + (static_cast<size_t>(n) * y.c + k) * yPlane();
        weights(k, [&](int c, int r, int s, size_t index) {
          const double weight = (*filter)[index];
          double* const to = sums.data() + static_cast<size_t>(c) * xPlane();
          rows(r, s, [&](size_t xi, size_t yi, int count) {
            for (int i = 0; i < count; ++i)
              to[xi + static_cast<size_t>(i) * how.strideX] += weight * from[yi + i];
          });
        });
      }
      float* const to = dxs + static_cast<size_t>(n) * sums.size();
      for (size_t i = 0; i < sums.size(); ++i) blend(alpha, sums[i], beta, to[i]);
    }
  }

  void backwardFilter(float alpha, const float* xs, const float* dys, float beta, float* dws) const {
    const auto in = operand(xs, x.size()), out = operand(dys, y.size());
    for (int k = 0; k < w.k; ++k) {
      weights(k, [&](int c, int r, int s, size_t index) {
        double sum = 0;
        for (int n = 0; n < x.n; ++n) {
          const float* const from = in->data() + (static_cast<size_t>(n) * x.c + c) * xPlane();
          const float* const with = out->data() + (static_cast<size_t>(n) * y.c + k) * yPlane();
          rows(r, s, [&](size_t xi, size_t yi, int count) {
            for (int i = 0; i < count; ++i)
              sum += static_cast<double>(from[xi + static_cast<size_t>(i) * how.strideX]) * with[yi + i];
          });
        }
        blend(alpha, sum, beta, dws[index]);
      });
    }
  }
};

/** Null, and a violation, where the descriptors do not describe one convolution. */
std::unique_ptr<Convolution> describe(const char* call, cudnnTensorDescriptor_t x, cudnnFilterDescriptor_t w,
                                      cudnnConvolutionDescriptor_t how, cudnnTensorDescriptor_t y) {
  if (!alive(x, "tensor descriptor") || !alive(y, "tensor descriptor") || !alive(w, "filter descriptor") ||
      !alive(how, "convolution descriptor")) {
    violation(std::string(call) + " with a descriptor that does not exist");
    return nullptr;
  }
  const auto out = [](int in, int pad, int window, int stride) {
    return (in + 2 * pad - window) / stride + 1;
  };
  if (x->n != y->n || x->c != w->c || y->c != w->k || how->strideY < 1 || how->strideX < 1 ||
      y->h != out(x->h, how->padY, w->h, how->strideY) || y->w != out(x->w, how->padX, w->w, how->strideX)) {
    mismatch(call, "the shapes do not fit");
    return nullptr;
  }
  return std::make_unique<Convolution>(Convolution{*x, *y, *w, *how});
}

/** What the heuristics answer: best first, with some that are not reproducible and some that do not work. */
template <typename Performance>
cudnnStatus_t rank(const Convolution* convolution, const std::vector<int>& order,
                   const std::vector<int>& unreproducible, int wanted, int* returned, Performance* results) {
  if (!convolution) return CUDNN_STATUS_BAD_PARAM;
  *returned = std::min(wanted, static_cast<int>(order.size()));
  for (int i = 0; i < *returned; ++i) {
    const int algorithm = order[i];
    const bool last = i + 1 == static_cast<int>(order.size());
    const bool reproducible =
        std::find(unreproducible.begin(), unreproducible.end(), algorithm) == unreproducible.end();
    results[i] = {static_cast<decltype(results->algo)>(algorithm),
                  last ? CUDNN_STATUS_NOT_SUPPORTED : CUDNN_STATUS_SUCCESS,
                  -1,
                  convolution->workspace(algorithm),
                  reproducible ? CUDNN_DETERMINISTIC : CUDNN_NON_DETERMINISTIC,
                  convolution->how.math,
                  {}};
  }
  return CUDNN_STATUS_SUCCESS;
}

/** Runs one of the three, after checking what does not depend on which. */
cudnnStatus_t convolve(cudnnHandle_t handle, const char* call, const Convolution* convolution, int algorithm,
                       bool reproducible, void* workspace, size_t bytes, std::vector<Range> ranges,
                       std::function<void(const Convolution&)> kernel) {
  if (!alive(handle, "cuDNN handle")) return CUDNN_STATUS_NOT_INITIALIZED;
  const Use use(*handle, call);
  if (!convolution) return CUDNN_STATUS_BAD_PARAM;
  if (!reproducible) violation(std::string(call) + " with an algorithm whose results are not reproducible");
  const size_t needed = convolution->workspace(algorithm);
  if (!workspace || bytes < needed) {
    violation(std::string(call) + ": the workspace is smaller than what this algorithm and shape need");
    return CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT;
  }
  ranges.push_back({"the workspace", workspace, bytes, true});
  return enqueue(handle, call, convolution->kind(algorithm), std::move(ranges),
                 [convolution = *convolution, kernel = std::move(kernel), workspace, needed] {
                   std::memset(workspace, 0xff, needed);
                   kernel(convolution);
                 });
}

// ---------------------------------------------------------------------------------------- batch
// normalisation

/** One set of moments per channel, or per value. */
struct Normalisation {
  Tensor x;
  bool spatial;

  size_t sets() const { return spatial ? x.c : x.size() / x.n; }
  size_t count() const { return x.size() / sets(); }

  /** Calls `use(index)` for each value of set `set`. */
  template <typename F>
  void each(size_t set, F use) const {
    const size_t image = x.size() / x.n, plane = spatial ? static_cast<size_t>(x.h) * x.w : 1;
    for (int n = 0; n < x.n; ++n) {
      for (size_t i = 0; i < plane; ++i) use(n * image + set * plane + i);
    }
  }
};

std::unique_ptr<Normalisation> describe(const char* call, cudnnBatchNormMode_t mode,
                                        cudnnTensorDescriptor_t x, cudnnTensorDescriptor_t y,
                                        cudnnTensorDescriptor_t derived, double epsilon) {
  if (!alive(x, "tensor descriptor") || !alive(y, "tensor descriptor") ||
      !alive(derived, "tensor descriptor")) {
    violation(std::string(call) + " with a descriptor that does not exist");
    return nullptr;
  }
  const bool spatial = mode != CUDNN_BATCHNORM_PER_ACTIVATION;
  const Tensor expected = spatial ? Tensor{1, x->c, 1, 1} : Tensor{1, x->c, x->h, x->w};
  if (*x != *y || *derived != expected || epsilon < CUDNN_BN_MIN_EPSILON) {
    mismatch(call, "the shapes do not fit");
    return nullptr;
  }
  return std::make_unique<Normalisation>(Normalisation{*x, spatial});
}

}  // namespace
}  // namespace standin

using namespace standin;

size_t cudnnGetVersion() {
  return CUDNN_VERSION;
}

const char* cudnnGetErrorString(cudnnStatus_t status) {
  switch (status) {
    case CUDNN_STATUS_SUCCESS:
      return "CUDNN_STATUS_SUCCESS";
    case CUDNN_STATUS_NOT_INITIALIZED:
      return "CUDNN_STATUS_NOT_INITIALIZED";
    case CUDNN_STATUS_BAD_PARAM:
      return "CUDNN_STATUS_BAD_PARAM";
    case CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT:
      return "CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT";
    case CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH:
      return "CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH";
    case CUDNN_STATUS_NOT_SUPPORTED:
      return "CUDNN_STATUS_NOT_SUPPORTED";
    case CUDNN_STATUS_EXECUTION_FAILED:
      return "CUDNN_STATUS_EXECUTION_FAILED";
    default:
      return "CUDNN_STATUS_UNKNOWN";
  }
}

void cudnnGetLastErrorString(char* message, size_t size) {
  const auto violations = report().violations;
  std::snprintf(message, size, "%s", violations.empty() ? "" : violations.back().c_str());
}

cudnnStatus_t cudnnCreate(cudnnHandle_t* handle) {
  if (health() || deviceWideCall("cudnnCreate")) return CUDNN_STATUS_NOT_INITIALIZED;
  return create(handle, "cuDNN handle");
}

cudnnStatus_t cudnnDestroy(cudnnHandle_t handle) {
  if (deviceWideWait("cudnnDestroy")) return CUDNN_STATUS_BAD_PARAM;
  return destroy(handle, "cuDNN handle");
}

cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream) {
  if (!alive(handle, "cuDNN handle")) return CUDNN_STATUS_NOT_INITIALIZED;
  if (!alive(stream, "stream") || stream->device != handle->device) {
    violation("cudnnSetStream with a stream that does not exist on the handle's device");
    return CUDNN_STATUS_BAD_PARAM;
  }
  handle->stream = stream;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnCreateTensorDescriptor(cudnnTensorDescriptor_t* descriptor) {
  return create(descriptor, "tensor descriptor");
}
cudnnStatus_t cudnnDestroyTensorDescriptor(cudnnTensorDescriptor_t descriptor) {
  return destroy(descriptor, "tensor descriptor");
}
cudnnStatus_t cudnnCreateFilterDescriptor(cudnnFilterDescriptor_t* descriptor) {
  return create(descriptor, "filter descriptor");
}
cudnnStatus_t cudnnDestroyFilterDescriptor(cudnnFilterDescriptor_t descriptor) {
  return destroy(descriptor, "filter descriptor");
}
cudnnStatus_t cudnnCreateConvolutionDescriptor(cudnnConvolutionDescriptor_t* descriptor) {
  return create(descriptor, "convolution descriptor");
}
cudnnStatus_t cudnnDestroyConvolutionDescriptor(cudnnConvolutionDescriptor_t descriptor) {
  return destroy(descriptor, "convolution descriptor");
}

cudnnStatus_t cudnnSetTensor4dDescriptor(cudnnTensorDescriptor_t descriptor, cudnnTensorFormat_t format,
                                         cudnnDataType_t type, int n, int c, int h, int w) {
  if (!alive(descriptor, "tensor descriptor")) return CUDNN_STATUS_BAD_PARAM;
  if (format != CUDNN_TENSOR_NCHW || type != CUDNN_DATA_FLOAT || n < 1 || c < 1 || h < 1 || w < 1) {
    return mismatch("cudnnSetTensor4dDescriptor", "expected floats in NCHW and positive sizes");
  }
  *descriptor = {n, c, h, w};
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetFilter4dDescriptor(cudnnFilterDescriptor_t descriptor, cudnnDataType_t type,
                                         cudnnTensorFormat_t format, int k, int c, int h, int w) {
  if (!alive(descriptor, "filter descriptor")) return CUDNN_STATUS_BAD_PARAM;
  if (format != CUDNN_TENSOR_NCHW || type != CUDNN_DATA_FLOAT || k < 1 || c < 1 || h < 1 || w < 1) {
    return mismatch("cudnnSetFilter4dDescriptor", "expected floats in KCRS and positive sizes");
  }
  *descriptor = {k, c, h, w};
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetConvolution2dDescriptor(cudnnConvolutionDescriptor_t descriptor, int padY, int padX,
                                              int strideY, int strideX, int dilationY, int dilationX,
                                              cudnnConvolutionMode_t mode, cudnnDataType_t type) {
  if (!alive(descriptor, "convolution descriptor")) return CUDNN_STATUS_BAD_PARAM;
  if (padY < 0 || padX < 0 || strideY < 1 || strideX < 1 || dilationY != 1 || dilationX != 1 ||
      mode != CUDNN_CROSS_CORRELATION || type != CUDNN_DATA_FLOAT) {
    return mismatch("cudnnSetConvolution2dDescriptor", "expected an undilated cross-correlation in floats");
  }
  *descriptor = {padY, padX, strideY, strideX, CUDNN_DEFAULT_MATH};
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetConvolutionMathType(cudnnConvolutionDescriptor_t descriptor, cudnnMathType_t math) {
  if (!alive(descriptor, "convolution descriptor")) return CUDNN_STATUS_BAD_PARAM;
  descriptor->math = math;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnGetConvolutionForwardAlgorithm_v7(cudnnHandle_t handle, cudnnTensorDescriptor_t x,
                                                     cudnnFilterDescriptor_t w,
                                                     cudnnConvolutionDescriptor_t how,
                                                     cudnnTensorDescriptor_t y, int wanted, int* returned,
                                                     cudnnConvolutionFwdAlgoPerf_t* results) {
  if (!alive(handle, "cuDNN handle")) return CUDNN_STATUS_NOT_INITIALIZED;
  return rank(describe("cudnnGetConvolutionForwardAlgorithm_v7", x, w, how, y).get(), {1, 0, 2, 4}, {},
              wanted, returned, results);
}

cudnnStatus_t cudnnGetConvolutionBackwardDataAlgorithm_v7(cudnnHandle_t handle, cudnnFilterDescriptor_t w,
                                                          cudnnTensorDescriptor_t dy,
                                                          cudnnConvolutionDescriptor_t how,
                                                          cudnnTensorDescriptor_t dx, int wanted,
                                                          int* returned,
                                                          cudnnConvolutionBwdDataAlgoPerf_t* results) {
  if (!alive(handle, "cuDNN handle")) return CUDNN_STATUS_NOT_INITIALIZED;
  return rank(describe("cudnnGetConvolutionBackwardDataAlgorithm_v7", dx, w, how, dy).get(), {0, 1, 4}, {0},
              wanted, returned, results);
}

cudnnStatus_t cudnnGetConvolutionBackwardFilterAlgorithm_v7(cudnnHandle_t handle, cudnnTensorDescriptor_t x,
                                                            cudnnTensorDescriptor_t dy,
                                                            cudnnConvolutionDescriptor_t how,
                                                            cudnnFilterDescriptor_t dw, int wanted,
                                                            int* returned,
                                                            cudnnConvolutionBwdFilterAlgoPerf_t* results) {
  if (!alive(handle, "cuDNN handle")) return CUDNN_STATUS_NOT_INITIALIZED;
  return rank(describe("cudnnGetConvolutionBackwardFilterAlgorithm_v7", x, dw, how, dy).get(), {0, 3, 1, 2},
              {0, 3}, wanted, returned, results);
}

cudnnStatus_t cudnnGetConvolutionForwardWorkspaceSize(cudnnHandle_t, cudnnTensorDescriptor_t x,
                                                      cudnnFilterDescriptor_t w,
                                                      cudnnConvolutionDescriptor_t how,
                                                      cudnnTensorDescriptor_t y,
                                                      cudnnConvolutionFwdAlgo_t algorithm, size_t* bytes) {
  const auto convolution = describe("cudnnGetConvolutionForwardWorkspaceSize", x, w, how, y);
  if (!convolution) return CUDNN_STATUS_BAD_PARAM;
  *bytes = convolution->workspace(algorithm);
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnGetConvolutionBackwardDataWorkspaceSize(
    cudnnHandle_t, cudnnFilterDescriptor_t w, cudnnTensorDescriptor_t dy, cudnnConvolutionDescriptor_t how,
    cudnnTensorDescriptor_t dx, cudnnConvolutionBwdDataAlgo_t algorithm, size_t* bytes) {
  const auto convolution = describe("cudnnGetConvolutionBackwardDataWorkspaceSize", dx, w, how, dy);
  if (!convolution) return CUDNN_STATUS_BAD_PARAM;
  *bytes = convolution->workspace(algorithm);
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnGetConvolutionBackwardFilterWorkspaceSize(
    cudnnHandle_t, cudnnTensorDescriptor_t x, cudnnTensorDescriptor_t dy, cudnnConvolutionDescriptor_t how,
    cudnnFilterDescriptor_t dw, cudnnConvolutionBwdFilterAlgo_t algorithm, size_t* bytes) {
  const auto convolution = describe("cudnnGetConvolutionBackwardFilterWorkspaceSize", x, dw, how, dy);
  if (!convolution) return CUDNN_STATUS_BAD_PARAM;
  *bytes = convolution->workspace(algorithm);
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnConvolutionForward(cudnnHandle_t handle, const void* alpha, cudnnTensorDescriptor_t xs,
                                      const void* x, cudnnFilterDescriptor_t ws, const void* w,
                                      cudnnConvolutionDescriptor_t how, cudnnConvolutionFwdAlgo_t algorithm,
                                      void* workspace, size_t bytes, const void* beta,
                                      cudnnTensorDescriptor_t ys, void* y) {
  constexpr const char* kCall = "cudnnConvolutionForward";
  const auto convolution = describe(kCall, xs, ws, how, ys);
  if (!convolution) return CUDNN_STATUS_BAD_PARAM;
  return convolve(handle, kCall, convolution.get(), algorithm, true, workspace, bytes,
                  {{"x", x, xs->bytes(), false}, {"w", w, ws->bytes(), false}, {"y", y, ys->bytes(), true}},
                  [=, by = scalar(alpha), plus = scalar(beta)](const Convolution& c) {
                    c.forward(by, static_cast<const float*>(x), static_cast<const float*>(w), plus,
                              static_cast<float*>(y));
                  });
}

cudnnStatus_t cudnnConvolutionBackwardData(cudnnHandle_t handle, const void* alpha,
                                           cudnnFilterDescriptor_t ws, const void* w,
                                           cudnnTensorDescriptor_t dys, const void* dy,
                                           cudnnConvolutionDescriptor_t how,
                                           cudnnConvolutionBwdDataAlgo_t algorithm, void* workspace,
                                           size_t bytes, const void* beta, cudnnTensorDescriptor_t dxs,
                                           void* dx) {
  constexpr const char* kCall = "cudnnConvolutionBackwardData";
  const auto convolution = describe(kCall, dxs, ws, how, dys);
  if (!convolution) return CUDNN_STATUS_BAD_PARAM;
  return convolve(
      handle, kCall, convolution.get(), algorithm, algorithm != CUDNN_CONVOLUTION_BWD_DATA_ALGO_0, workspace,
      bytes, {{"w", w, ws->bytes(), false}, {"dy", dy, dys->bytes(), false}, {"dx", dx, dxs->bytes(), true}},
      [=, by = scalar(alpha), plus = scalar(beta)](const Convolution& c) {
        c.backwardData(by, static_cast<const float*>(w), static_cast<const float*>(dy), plus,
                       static_cast<float*>(dx));
      });
}

cudnnStatus_t cudnnConvolutionBackwardFilter(cudnnHandle_t handle, const void* alpha,
                                             cudnnTensorDescriptor_t xs, const void* x,
                                             cudnnTensorDescriptor_t dys, const void* dy,
                                             cudnnConvolutionDescriptor_t how,
                                             cudnnConvolutionBwdFilterAlgo_t algorithm, void* workspace,
                                             size_t bytes, const void* beta, cudnnFilterDescriptor_t dws,
                                             void* dw) {
  constexpr const char* kCall = "cudnnConvolutionBackwardFilter";
  const auto convolution = describe(kCall, xs, dws, how, dys);
  if (!convolution) return CUDNN_STATUS_BAD_PARAM;
  const bool reproducible =
      algorithm != CUDNN_CONVOLUTION_BWD_FILTER_ALGO_0 && algorithm != CUDNN_CONVOLUTION_BWD_FILTER_ALGO_3;
  return convolve(
      handle, kCall, convolution.get(), algorithm, reproducible, workspace, bytes,
      {{"x", x, xs->bytes(), false}, {"dy", dy, dys->bytes(), false}, {"dw", dw, dws->bytes(), true}},
      [=, by = scalar(alpha), plus = scalar(beta)](const Convolution& c) {
        c.backwardFilter(by, static_cast<const float*>(x), static_cast<const float*>(dy), plus,
                         static_cast<float*>(dw));
      });
}

cudnnStatus_t cudnnDeriveBNTensorDescriptor(cudnnTensorDescriptor_t derived, cudnnTensorDescriptor_t x,
                                            cudnnBatchNormMode_t mode) {
  if (!alive(derived, "tensor descriptor") || !alive(x, "tensor descriptor")) return CUDNN_STATUS_BAD_PARAM;
  *derived = mode == CUDNN_BATCHNORM_PER_ACTIVATION ? Tensor{1, x->c, x->h, x->w} : Tensor{1, x->c, 1, 1};
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBatchNormalizationForwardTraining(
    cudnnHandle_t handle, cudnnBatchNormMode_t mode, const void* alpha, const void* beta,
    cudnnTensorDescriptor_t xs, const void* x, cudnnTensorDescriptor_t ys, void* y,
    cudnnTensorDescriptor_t derived, const void* scale, const void* bias, double factor, void* runningMean,
    void* runningVariance, double epsilon, void* saveMean, void* saveInverse) {
  constexpr const char* kCall = "cudnnBatchNormalizationForwardTraining";
  if (!alive(handle, "cuDNN handle")) return CUDNN_STATUS_NOT_INITIALIZED;
  const Use use(*handle, kCall);
  const auto given = describe(kCall, mode, xs, ys, derived, epsilon);
  if (!given) return CUDNN_STATUS_BAD_PARAM;
  if (!runningMean != !runningVariance || !saveMean != !saveInverse || factor < 0 || factor > 1) {
    return mismatch(kCall, "expected both of a pair of results or neither, and a factor from 0 to 1");
  }
  const size_t per = derived->bytes();
  std::vector<Range> ranges{{"x", x, xs->bytes(), false},
                            {"y", y, ys->bytes(), true},
                            {"the scale", scale, per, false},
                            {"the bias", bias, per, false}};
  if (runningMean) {
    ranges.push_back({"the running mean", runningMean, per, true});
    ranges.push_back({"the running variance", runningVariance, per, true});
  }
  if (saveMean) {
    ranges.push_back({"the saved mean", saveMean, per, true});
    ranges.push_back({"the saved deviation", saveInverse, per, true});
  }
  const auto kernel = [=, norm = *given, by = scalar(alpha), plus = scalar(beta)] {
    const auto* const in = static_cast<const float*>(x);
    const double count = static_cast<double>(norm.count());
    for (size_t set = 0; set < norm.sets(); ++set) {
      double mean = 0, variance = 0;
      norm.each(set, [&](size_t i) { mean += in[i]; });
      mean /= count;
      norm.each(set, [&](size_t i) { variance += (in[i] - mean) * (in[i] - mean); });
      variance /= count;
      const double inverse = 1 / std::sqrt(variance + epsilon);
      const double gamma = static_cast<const float*>(scale)[set],
                   shift = static_cast<const float*>(bias)[set];
      norm.each(set, [&](size_t i) {
        blend(by, (in[i] - mean) * inverse * gamma + shift, plus, static_cast<float*>(y)[i]);
      });
      if (runningMean) {
        // The unbiased variance; of one value that is 0 / 0. With a factor of 1 the old value is not read.
        const auto update = [factor](float& place, double fresh) {
          place = static_cast<float>((factor == 1 ? 0 : (1 - factor) * place) + factor * fresh);
        };
        update(static_cast<float*>(runningMean)[set], mean);
        update(static_cast<float*>(runningVariance)[set], variance * count / (count - 1));
      }
      if (saveMean) {
        static_cast<float*>(saveMean)[set] = static_cast<float>(mean);
        static_cast<float*>(saveInverse)[set] = static_cast<float>(inverse);
      }
    }
  };
  return enqueue(handle, kCall, mode == CUDNN_BATCHNORM_PER_ACTIVATION ? " per activation" : " spatial",
                 std::move(ranges), kernel);
}

cudnnStatus_t cudnnBatchNormalizationForwardInference(cudnnHandle_t handle, cudnnBatchNormMode_t mode,
                                                      const void* alpha, const void* beta,
                                                      cudnnTensorDescriptor_t xs, const void* x,
                                                      cudnnTensorDescriptor_t ys, void* y,
                                                      cudnnTensorDescriptor_t derived, const void* scale,
                                                      const void* bias, const void* mean,
                                                      const void* variance, double epsilon) {
  constexpr const char* kCall = "cudnnBatchNormalizationForwardInference";
  if (!alive(handle, "cuDNN handle")) return CUDNN_STATUS_NOT_INITIALIZED;
  const Use use(*handle, kCall);
  const auto given = describe(kCall, mode, xs, ys, derived, epsilon);
  if (!given) return CUDNN_STATUS_BAD_PARAM;
  const size_t per = derived->bytes();
  return enqueue(handle, kCall, mode == CUDNN_BATCHNORM_PER_ACTIVATION ? " per activation" : " spatial",
                 {{"x", x, xs->bytes(), false},
                  {"y", y, ys->bytes(), true},
                  {"the scale", scale, per, false},
                  {"the bias", bias, per, false},
                  {"the mean", mean, per, false},
                  {"the variance", variance, per, false}},
                 [=, norm = *given, by = scalar(alpha), plus = scalar(beta)] {
                   for (size_t set = 0; set < norm.sets(); ++set) {
                     const auto at = [set](const void* values) -> double {
                       return static_cast<const float*>(values)[set];
                     };
                     const double factor = at(scale) / std::sqrt(at(variance) + epsilon);
                     norm.each(set, [&](size_t i) {
                       blend(by, (static_cast<const float*>(x)[i] - at(mean)) * factor + at(bias), plus,
                             static_cast<float*>(y)[i]);
                     });
                   }
                 });
}

cudnnStatus_t cudnnBatchNormalizationBackward(
    cudnnHandle_t handle, cudnnBatchNormMode_t mode, const void* alphaData, const void* betaData,
    const void* alphaParameters, const void* betaParameters, cudnnTensorDescriptor_t xs, const void* x,
    cudnnTensorDescriptor_t dys, const void* dy, cudnnTensorDescriptor_t dxs, void* dx,
    cudnnTensorDescriptor_t derived, const void* scale, void* scaleGradient, void* biasGradient,
    double epsilon, const void* savedMean, const void* savedInverse) {
  constexpr const char* kCall = "cudnnBatchNormalizationBackward";
  if (!alive(handle, "cuDNN handle")) return CUDNN_STATUS_NOT_INITIALIZED;
  const Use use(*handle, kCall);
  const auto given = describe(kCall, mode, xs, dys, derived, epsilon);
  if (!given) return CUDNN_STATUS_BAD_PARAM;
  if (!alive(dxs, "tensor descriptor") || *dxs != *xs || !savedMean || !savedInverse) {
    return mismatch(kCall, "expected dx like x, and the saved moments");
  }
  const size_t per = derived->bytes();
  return enqueue(handle, kCall, mode == CUDNN_BATCHNORM_PER_ACTIVATION ? " per activation" : " spatial",
                 {{"x", x, xs->bytes(), false},
                  {"dy", dy, dys->bytes(), false},
                  {"dx", dx, dxs->bytes(), true},
                  {"the scale", scale, per, false},
                  {"the scale's gradient", scaleGradient, per, true},
                  {"the bias' gradient", biasGradient, per, true},
                  {"the saved mean", savedMean, per, false},
                  {"the saved deviation", savedInverse, per, false}},
                 [=, norm = *given, by = scalar(alphaData), plus = scalar(betaData),
                  byParameters = scalar(alphaParameters), plusParameters = scalar(betaParameters)] {
                   const auto* const in = static_cast<const float*>(x);
                   const auto* const out = static_cast<const float*>(dy);
                   const double count = static_cast<double>(norm.count());
                   for (size_t set = 0; set < norm.sets(); ++set) {
                     const double mean = static_cast<const float*>(savedMean)[set];
                     const double inverse = static_cast<const float*>(savedInverse)[set];
                     double sum = 0, product = 0;
                     norm.each(set, [&](size_t i) {
                       sum += out[i];
                       product += out[i] * (in[i] - mean) * inverse;
                     });
                     const double factor = static_cast<const float*>(scale)[set] * inverse;
                     norm.each(set, [&](size_t i) {
                       const double normalised = (in[i] - mean) * inverse;
                       blend(by, factor * (out[i] - sum / count - normalised * product / count), plus,
                             static_cast<float*>(dx)[i]);
                     });
                     blend(byParameters, product, plusParameters, static_cast<float*>(scaleGradient)[set]);
                     blend(byParameters, sum, plusParameters, static_cast<float*>(biasGradient)[set]);
                   }
                 });
}

cudnnStatus_t cudnnSoftmaxForward(cudnnHandle_t handle, cudnnSoftmaxAlgorithm_t algorithm,
                                  cudnnSoftmaxMode_t mode, const void* alpha, cudnnTensorDescriptor_t xs,
                                  const void* x, const void* beta, cudnnTensorDescriptor_t ys, void* y) {
  constexpr const char* kCall = "cudnnSoftmaxForward";
  if (!alive(handle, "cuDNN handle")) return CUDNN_STATUS_NOT_INITIALIZED;
  const Use use(*handle, kCall);
  if (!alive(xs, "tensor descriptor") || !alive(ys, "tensor descriptor")) return CUDNN_STATUS_BAD_PARAM;
  if (*xs != *ys || xs->h != 1 || xs->w != 1) return mismatch(kCall, "expected n x c x 1 x 1 in and out");
  if (algorithm == CUDNN_SOFTMAX_FAST) violation("cudnnSoftmaxForward without subtracting the largest value");
  (void)mode;  // over an image or its channels: the same for 1 x 1
  return enqueue(handle, kCall, "", {{"x", x, xs->bytes(), false}, {"y", y, ys->bytes(), true}},
                 [=, n = xs->n, c = xs->c, by = scalar(alpha), plus = scalar(beta)] {
                   for (int i = 0; i < n; ++i) {
                     const float* const z = static_cast<const float*>(x) + static_cast<size_t>(i) * c;
                     float* const out = static_cast<float*>(y) + static_cast<size_t>(i) * c;
                     const double largest = *std::max_element(z, z + c);
                     double sum = 0;
                     for (int j = 0; j < c; ++j) sum += std::exp(z[j] - largest);
                     for (int j = 0; j < c; ++j) {
                       const double logarithm = z[j] - largest - std::log(sum);
                       blend(by, algorithm == CUDNN_SOFTMAX_LOG ? logarithm : std::exp(logarithm), plus,
                             out[j]);
                     }
                   }
                 });
}
