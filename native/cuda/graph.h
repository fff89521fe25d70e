#pragma once

#include <cudnn.h>

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace convsweep::cuda {

/** Not a failure, but a reason to ask for something else. */
bool isRefusal(cudnnStatus_t status);

/** How cuDNN's graph API calls the C++ types of its attributes. */
template <typename T>
inline constexpr cudnnBackendAttributeType_t kAttributeType = T::unknown;
template <>
inline constexpr cudnnBackendAttributeType_t kAttributeType<int64_t> = CUDNN_TYPE_INT64;
template <>
inline constexpr cudnnBackendAttributeType_t kAttributeType<float> = CUDNN_TYPE_FLOAT;
template <>
inline constexpr cudnnBackendAttributeType_t kAttributeType<bool> = CUDNN_TYPE_BOOLEAN;
template <>
inline constexpr cudnnBackendAttributeType_t kAttributeType<char> = CUDNN_TYPE_CHAR;
template <>
inline constexpr cudnnBackendAttributeType_t kAttributeType<void*> = CUDNN_TYPE_VOID_PTR;
template <>
inline constexpr cudnnBackendAttributeType_t kAttributeType<cudnnHandle_t> = CUDNN_TYPE_HANDLE;
template <>
inline constexpr cudnnBackendAttributeType_t kAttributeType<cudnnDataType_t> = CUDNN_TYPE_DATA_TYPE;
template <>
inline constexpr cudnnBackendAttributeType_t kAttributeType<cudnnConvolutionMode_t> =
    CUDNN_TYPE_CONVOLUTION_MODE;
template <>
inline constexpr cudnnBackendAttributeType_t kAttributeType<cudnnBackendHeurMode_t> = CUDNN_TYPE_HEUR_MODE;
template <>
inline constexpr cudnnBackendAttributeType_t kAttributeType<cudnnBackendKnobType_t> = CUDNN_TYPE_KNOB_TYPE;
template <>
inline constexpr cudnnBackendAttributeType_t kAttributeType<cudnnBackendNumericalNote_t> =
    CUDNN_TYPE_NUMERICAL_NOTE;
template <>
inline constexpr cudnnBackendAttributeType_t kAttributeType<cudnnBackendBehaviorNote_t> =
    CUDNN_TYPE_BEHAVIOR_NOTE;

/**
 * A descriptor of cuDNN's graph API. Its attributes are set, then it is finalised, then it is read. cuDNN
 * keeps what an attribute refers to, so descriptors may be destroyed in any order.
 */
class GraphDescriptor {
 public:
  explicit GraphDescriptor(cudnnBackendDescriptorType_t type);
  ~GraphDescriptor();
  GraphDescriptor(GraphDescriptor&& other) noexcept { *this = std::move(other); }
  GraphDescriptor& operator=(GraphDescriptor&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }

  cudnnBackendDescriptor_t get() const { return descriptor_; }

  template <typename T>
  void set(cudnnBackendAttributeName_t name, const T& value) {
    setArray(name, kAttributeType<T>, 1, &value);
  }
  template <typename T, size_t count>
  void set(cudnnBackendAttributeName_t name, const std::array<T, count>& values) {
    setArray(name, kAttributeType<T>, count, values.data());
  }
  void set(cudnnBackendAttributeName_t name, const std::string& text) {
    setArray(name, CUDNN_TYPE_CHAR, static_cast<int64_t>(text.size()), text.data());
  }
  void set(cudnnBackendAttributeName_t name, const GraphDescriptor& value) {
    setArray(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &value.descriptor_);
  }
  void set(cudnnBackendAttributeName_t name, const std::vector<GraphDescriptor>& values);

  void finalize();
  /** For what cuDNN may refuse. */
  cudnnStatus_t tryFinalize();

  int64_t number(cudnnBackendAttributeName_t name) const;
  template <typename T>
  std::vector<T> list(cudnnBackendAttributeName_t name, size_t most) const {
    std::vector<T> values(most);
    values.resize(getArray(name, kAttributeType<T>, most, values.data()));
    return values;
  }
  /** All that `name` refers to, of type `type`. */
  std::vector<GraphDescriptor> descriptors(cudnnBackendAttributeName_t name,
                                           cudnnBackendDescriptorType_t type) const;
  /** The same where cuDNN does not tell their number, but fills in no more than `most`. */
  std::vector<GraphDescriptor> descriptors(cudnnBackendAttributeName_t name,
                                           cudnnBackendDescriptorType_t type, size_t most) const;
  /** What `name` refers to, of type `type`. */
  GraphDescriptor descriptor(cudnnBackendAttributeName_t name, cudnnBackendDescriptorType_t type) const;

 private:
  void setArray(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, int64_t count,
                const void* values);
  size_t getArray(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, size_t most,
                  void* values) const;
  cudnnBackendDescriptor_t descriptor_ = nullptr;
};

}  // namespace convsweep::cuda
