#include "cuda/graph.h"

#include "cuda/check.h"
#include "cuda/libraries.h"

namespace convsweep::cuda {

bool isRefusal(cudnnStatus_t status) {
  return status / 1000 == CUDNN_STATUS_NOT_SUPPORTED / 1000;
}

GraphDescriptor::GraphDescriptor(cudnnBackendDescriptorType_t type) {
  CUDNN(cudnnBackendCreateDescriptor, type, &descriptor_);
}

GraphDescriptor::~GraphDescriptor() {
  if (descriptor_) libraries().cudnnBackendDestroyDescriptor(descriptor_);
}

void GraphDescriptor::set(cudnnBackendAttributeName_t name, const std::vector<GraphDescriptor>& values) {
  std::vector<cudnnBackendDescriptor_t> handles;
  for (const GraphDescriptor& value : values) handles.push_back(value.get());
  setArray(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, static_cast<int64_t>(handles.size()), handles.data());
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
  return descriptors(name, type, getArray(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, nullptr));
}

GraphDescriptor GraphDescriptor::descriptor(cudnnBackendAttributeName_t name,
                                            cudnnBackendDescriptorType_t type) const {
  return std::move(descriptors(name, type, 1).at(0));
}

std::vector<GraphDescriptor> GraphDescriptor::descriptors(cudnnBackendAttributeName_t name,
                                                          cudnnBackendDescriptorType_t type,
                                                          size_t most) const {
  // cuDNN fills descriptors that the caller has made.
  std::vector<GraphDescriptor> found;
  std::vector<cudnnBackendDescriptor_t> handles;
  for (size_t i = 0; i < most; ++i) handles.push_back(found.emplace_back(type).get());
  if (most > 0) {
    const size_t filled = getArray(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, most, handles.data());
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
