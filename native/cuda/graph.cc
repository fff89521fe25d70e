#include "cuda/graph.h"

#include "cuda/check.h"
#include "cuda/libraries.h"

namespace convsweep::cuda {

GraphDescriptor::GraphDescriptor(cudnnBackendDescriptorType_t type) {
  CUDNN(cudnnBackendCreateDescriptor, type, &descriptor_);
}

GraphDescriptor::~GraphDescriptor() {
  if (descriptor_) libraries().cudnnBackendDestroyDescriptor(descriptor_);
}

void GraphDescriptor::finalize() {
  CUDNN(cudnnBackendFinalize, descriptor_);
}

cudnnStatus_t GraphDescriptor::tryFinalize() {
  return libraries().cudnnBackendFinalize(descriptor_);
}

int64_t GraphDescriptor::number(cudnnBackendAttributeName_t name) const {
  int64_t value = 0;
  getArray(name, CUDNN_TYPE_INT64, 1, &value);
  return value;
}

std::vector<GraphDescriptor> GraphDescriptor::descriptors(cudnnBackendAttributeName_t name,
                                                          cudnnBackendDescriptorType_t type) const {
  return read(name, type, getArray(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, nullptr));
}

GraphDescriptor GraphDescriptor::descriptor(cudnnBackendAttributeName_t name,
                                            cudnnBackendDescriptorType_t type) const {
  return std::move(read(name, type, 1).at(0));
}

std::vector<GraphDescriptor> GraphDescriptor::read(cudnnBackendAttributeName_t name,
                                                   cudnnBackendDescriptorType_t type, size_t count) const {
  // cuDNN fills descriptors that the caller has made.
  std::vector<GraphDescriptor> found;
  std::vector<cudnnBackendDescriptor_t> handles;
  for (size_t i = 0; i < count; ++i) handles.push_back(found.emplace_back(type).get());
  if (count > 0) {
    const size_t filled = getArray(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, count, handles.data());
    found.erase(found.begin() + static_cast<ptrdiff_t>(filled), found.end());
  }
  return found;
}

void GraphDescriptor::setArray(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                               int64_t count, const void* values) {
  CUDNN(cudnnBackendSetAttribute, descriptor_, name, type, count, values);
}

size_t GraphDescriptor::getArray(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                                 size_t most, void* values) const {
  int64_t count = 0;
  CUDNN(cudnnBackendGetAttribute, descriptor_, name, type, static_cast<int64_t>(most), &count, values);
  return static_cast<size_t>(count);
}

}  // namespace convsweep::cuda
