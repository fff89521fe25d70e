#pragma once

#include "cuda/check.h"
#include "cuda/libraries.h"

namespace convsweep::cuda {

/** A cuDNN descriptor that is destroyed with its holder. */
template <typename T, auto create, auto destroy>
class Descriptor {
 public:
  Descriptor() {
    check((libraries().*create)(&descriptor_), {"cudnnCreate...Descriptor", __FILE__, __LINE__});
  }
  ~Descriptor() { (libraries().*destroy)(descriptor_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  T get() const { return descriptor_; }

 private:
  T descriptor_ = nullptr;
};

/** Float maps, image by image and channel by channel. */
class TensorDescriptor : public Descriptor<cudnnTensorDescriptor_t, &Libraries::cudnnCreateTensorDescriptor,
                                           &Libraries::cudnnDestroyTensorDescriptor> {
 public:
  TensorDescriptor() = default;
  TensorDescriptor(size_t images, size_t channels, size_t height, size_t width) {
    set(images, channels, height, width);
  }
  void set(size_t images, size_t channels, size_t height, size_t width) {
    CUDNN(cudnnSetTensor4dDescriptor, get(), CUDNN_TENSOR_NCHW, CUDNN_DATA_FLOAT, static_cast<int>(images),
          static_cast<int>(channels), static_cast<int>(height), static_cast<int>(width));
  }
};

}  // namespace convsweep::cuda
