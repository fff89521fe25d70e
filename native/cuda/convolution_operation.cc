#include "cuda/convolution_operation.h"

#include <array>

namespace convsweep::cuda {
namespace {

/** Packed floats. */
GraphDescriptor tensor(int64_t id, const std::array<int64_t, 4>& sizes) {
  GraphDescriptor it(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  it.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, id);
  it.set(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_DATA_FLOAT);
  it.set(CUDNN_ATTR_TENSOR_DIMENSIONS, sizes);
  const int64_t plane = sizes[2] * sizes[3];
  it.set(CUDNN_ATTR_TENSOR_STRIDES, std::array{sizes[1] * plane, plane, sizes[3], int64_t{1}});
  it.set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, ConvolutionOperation::kAlignment);
  it.finalize();
  return it;
}

/** Cross-correlation, accumulated in float. */
GraphDescriptor convolution(const ConvolutionShape& shape) {
  GraphDescriptor it(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  it.set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_DATA_FLOAT);
  it.set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_CROSS_CORRELATION);
  it.set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, int64_t{2});
  it.set(CUDNN_ATTR_CONVOLUTION_DILATIONS, std::array<int64_t, 2>{1, 1});
  it.set(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, std::array{shape.strideY, shape.strideX});
  it.set(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, std::array{shape.padY, shape.padX});
  it.set(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, std::array{shape.padY, shape.padX});
  it.finalize();
  return it;
}

/** The attributes of a pass' operation. */
struct Names {
  cudnnBackendDescriptorType_t type;
  cudnnBackendAttributeName_t x, w, y, convolution, alpha, beta;
};

Names namesOf(Pass pass) {
  switch (pass) {
    case Pass::InputGradient:
      return {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA};
    case Pass::KernelGradient:
      return {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA};
    case Pass::Output:
      break;
  }
  return {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
          CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
          CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
          CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
          CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
          CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
          CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA};
}

}  // namespace

GraphDescriptor ConvolutionOperation::describe() const {
  const ConvolutionShape& s = shape;
  const Names names = namesOf(pass);
  GraphDescriptor it(names.type);
  it.set(names.x, tensor(kX, {s.images, s.inChannels, s.inHeight, s.inWidth}));
  it.set(names.w, tensor(kW, {s.outChannels, s.inChannels, s.height, s.width}));
  it.set(names.y, tensor(kY, {s.images, s.outChannels, s.outHeight, s.outWidth}));
  it.set(names.convolution, convolution(s));
  it.set(names.alpha, 1.0f);
  it.set(names.beta, 0.0f);
  it.finalize();
  return it;
}

const char* ConvolutionOperation::name() const {
  switch (pass) {
    case Pass::Output:
      return "forward pass";
    case Pass::InputGradient:
      return "input gradient";
    case Pass::KernelGradient:
      return "kernel gradient";
  }
  return "";
}

}  // namespace convsweep::cuda
