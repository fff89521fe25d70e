#include "standin/dnn.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <vector>

/** NCHW, floats, packed: all that convsweep uses. */
struct cudnnTensorStruct {
  int n = 0, c = 0, h = 0, w = 0;
  size_t size() const { return static_cast<size_t>(n) * c * h * w; }
  size_t bytes() const { return size() * sizeof(float); }
  bool operator==(const cudnnTensorStruct&) const = default;
};

namespace standin {
namespace {

using Tensor = cudnnTensorStruct;

float scalar(const void* pointer) {
  return *static_cast<const float*>(pointer);
}

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
cudnnStatus_t cudnnSetTensor4dDescriptor(cudnnTensorDescriptor_t descriptor, cudnnTensorFormat_t format,
                                         cudnnDataType_t type, int n, int c, int h, int w) {
  if (!alive(descriptor, "tensor descriptor")) return CUDNN_STATUS_BAD_PARAM;
  if (format != CUDNN_TENSOR_NCHW || type != CUDNN_DATA_FLOAT || n < 1 || c < 1 || h < 1 || w < 1) {
    return mismatch("cudnnSetTensor4dDescriptor", "expected floats in NCHW and positive sizes");
  }
  *descriptor = {n, c, h, w};
  return CUDNN_STATUS_SUCCESS;
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
      withSums([&](auto zero) {
        auto sum = zero, squares = zero;
        norm.each(set, [&](size_t i) { sum += in[i]; });
        mean = sum / count;
        const auto centre = static_cast<decltype(zero)>(mean);
        norm.each(set, [&](size_t i) { squares += (in[i] - centre) * (in[i] - centre); });
        variance = squares / count;
      });
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
                     withSums([&](auto zero) {
                       auto values = zero, products = zero;
                       norm.each(set, [&](size_t i) {
                         values += out[i];
                         products += static_cast<decltype(zero)>(out[i] * (in[i] - mean) * inverse);
                       });
                       sum = values;
                       product = products;
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
