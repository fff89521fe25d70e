#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

#include "standin/state.h"

namespace standin {
namespace {

constexpr int kPoison = 0xff;  // NaN as a float, an impossible label, row or count as an integer

void setReach(int device, int protection) {
  if (!state().faults.guard) return;
  for (auto& [address, allocation] : state().device) {
    if (allocation.device == device) mprotect(allocation.pages, allocation.mapped, protection);
  }
}

const Allocation* find(const std::map<uintptr_t, Allocation>& allocations, const void* pointer,
                       size_t bytes) {
  const auto address = reinterpret_cast<uintptr_t>(pointer);
  auto next = allocations.upper_bound(address);
  if (next == allocations.begin()) return nullptr;
  const auto& [start, allocation] = *--next;
  return address + bytes <= start + allocation.bytes ? &allocation : nullptr;
}

/** Maps `bytes`, poisoned, so that they end where the guard page begins: on the alignment that is asked for,
 * and on none that is larger than that and smaller than a page. */
std::pair<uintptr_t, Allocation> map(size_t bytes, int device) {
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE)), alignment = faults().alignment;
  size_t rounded = (bytes + alignment - 1) / alignment * alignment;
  if (rounded / alignment % 2 == 0) rounded += alignment;
  const size_t body = (rounded + page - 1) / page * page;
  void* pages =
      mmap(nullptr, body + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (pages == MAP_FAILED) std::abort();
  char* const start = static_cast<char*>(pages);
  mprotect(start + body, page, PROT_NONE);
  std::memset(start, kPoison, body);
  return {reinterpret_cast<uintptr_t>(start + body - rounded), {start, body, bytes, device}};
}

void unmap(const Allocation& allocation) {
  munmap(allocation.pages, allocation.mapped + static_cast<size_t>(sysconf(_SC_PAGESIZE)));
}

}  // namespace

Reach::Reach(int device) : device_(device) {
  const Lock lock(state().mutex);
  if (state().workers[device_]++ == 0) setReach(device_, PROT_READ | PROT_WRITE);
}

Reach::~Reach() {
  const Lock lock(state().mutex);
  if (--state().workers[device_] == 0) setReach(device_, PROT_NONE);
}

bool isPinned(const void* pointer, size_t bytes) {
  const Lock lock(state().mutex);
  return find(state().pinned, pointer, bytes) != nullptr;
}

bool inDeviceMemory(const void* pointer, size_t bytes, int device, const std::string& use) {
  {
    const Lock lock(state().mutex);
    const Allocation* allocation = find(state().device, pointer, bytes);
    if (allocation && allocation->device == device) return true;
  }
  violation(use + ": " + std::to_string(bytes) + " bytes are not within one allocation of device " +
            std::to_string(device));
  return false;
}

}  // namespace standin

using namespace standin;

cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  if (const cudaError_t error = health()) return remember(error);
  const Lock lock(state().mutex);
  *total = state().faults.memory;
  const size_t used = state().used[currentDevice()];
  *free = *total > used ? *total - used : 0;
  return cudaSuccess;
}

cudaError_t cudaMalloc(void** pointer, size_t bytes) {
  if (const cudaError_t error = deviceWideCall("cudaMalloc")) return remember(error);
  if (const cudaError_t error = health()) return remember(error);
  State& s = state();
  const Lock lock(s.mutex);
  *pointer = nullptr;
  if (bytes == 0) return cudaSuccess;
  const uint64_t limit = s.faults.outOfMemoryAt;
  if ((++s.allocations >= limit && limit > 0) || bytes > s.faults.memory ||
      s.used[currentDevice()] > s.faults.memory - bytes) {
    return remember(cudaErrorMemoryAllocation);
  }
  const auto [address, allocation] = map(bytes, currentDevice());
  if (s.faults.guard && s.workers[currentDevice()] == 0)
    mprotect(allocation.pages, allocation.mapped, PROT_NONE);
  s.device[address] = allocation;
  s.used[currentDevice()] += bytes;
  *pointer = reinterpret_cast<void*>(address);
  s.objects[*pointer] = "allocation";
  return cudaSuccess;
}

cudaError_t cudaFree(void* pointer) {
  if (const cudaError_t error = deviceWideCall("cudaFree")) return remember(error);
  if (!pointer) return cudaSuccess;
  if (!died(pointer, "allocation")) return remember(cudaErrorInvalidValue);
  Allocation allocation;
  {
    const Lock lock(state().mutex);
    allocation = state().device.at(reinterpret_cast<uintptr_t>(pointer));
  }
  runAll(allocation.device);
  {
    const Lock lock(state().mutex);
    state().device.erase(reinterpret_cast<uintptr_t>(pointer));
    state().used[allocation.device] -= allocation.bytes;
  }
  unmap(allocation);
  return remember(health());
}

cudaError_t cudaMallocHost(void** pointer, size_t bytes) {
  if (const cudaError_t error = deviceWideCall("cudaMallocHost")) return remember(error);
  if (const cudaError_t error = health()) return remember(error);
  const auto [address, allocation] = map(bytes, currentDevice());
  *pointer = reinterpret_cast<void*>(address);
  const Lock lock(state().mutex);
  state().pinned[address] = allocation;
  state().objects[*pointer] = "pinned allocation";
  return cudaSuccess;
}

cudaError_t cudaFreeHost(void* pointer) {
  if (const cudaError_t error = deviceWideCall("cudaFreeHost")) return remember(error);
  if (!pointer) return cudaSuccess;
  if (!died(pointer, "pinned allocation")) return remember(cudaErrorInvalidValue);
  runAll(currentDevice());
  Allocation allocation;
  {
    const Lock lock(state().mutex);
    const auto found = state().pinned.find(reinterpret_cast<uintptr_t>(pointer));
    allocation = found->second;
    state().pinned.erase(found);
  }
  unmap(allocation);
  return remember(health());
}

namespace {

bool copiesWithinReach(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, int device,
                       const char* call) {
  const std::string use = call;
  switch (kind) {
    case cudaMemcpyHostToDevice:
      return inDeviceMemory(to, bytes, device, use + " to the device");
    case cudaMemcpyDeviceToHost:
      return inDeviceMemory(from, bytes, device, use + " from the device");
    case cudaMemcpyDeviceToDevice:
      return inDeviceMemory(to, bytes, device, use + " to the device") &&
             inDeviceMemory(from, bytes, device, use + " from the device");
    default:
      violation(use + " with a direction that convsweep has no use for");
      return false;
  }
}

}  // namespace

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  if (const cudaError_t error = health()) return remember(error);
  if (const cudaError_t error = checkedStream(stream, "cudaMemcpyAsync")) return remember(error);
  const int device = stream->device;
  if (!copiesWithinReach(to, from, bytes, kind, device, "cudaMemcpyAsync"))
    return remember(cudaErrorInvalidValue);
  const void* const host = kind == cudaMemcpyHostToDevice   ? from
                           : kind == cudaMemcpyDeviceToHost ? to
                                                            : nullptr;
  const bool pageable = host && !isPinned(host, bytes);
  if (pageable && stream->capture == cudaStreamCaptureStatusActive) {
    violation("cudaMemcpyAsync of pageable memory in a capture: every replay would copy it again");
    return remember(cudaErrorStreamCaptureUnsupported);
  }
  if (pageable && kind == cudaMemcpyHostToDevice) {
    // Staged before the call returns.
    const auto* const bytesOf = static_cast<const char*>(from);
    auto staged = std::make_shared<std::vector<char>>(bytesOf, bytesOf + bytes);
    return remember(submit(stream, {"copy", [to, staged, device] {
                                      if (inDeviceMemory(to, staged->size(), device, "a copy that ran"))
                                        std::memcpy(to, staged->data(), staged->size());
                                    }}));
  }
  const cudaError_t error =
      submit(stream, {"copy", [=] {
                        if (!copiesWithinReach(to, from, bytes, kind, device, "a copy that ran")) return;
                        if (host && !pageable && !isPinned(host, bytes)) {
                          violation("a copy ran after its pinned memory was freed");
                          return;
                        }
                        std::memcpy(to, from, bytes);
                      }});
  if (error || !pageable) return remember(error);
  // A copy to pageable memory is done before the call returns.
  ++state().waits;
  runUntil(stream, stream->submitted);
  return remember(health());
}

cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t stream) {
  if (!inDeviceMemory(to, bytes, currentDevice(), "cudaMemsetAsync")) return remember(cudaErrorInvalidValue);
  const int device = currentDevice();
  return remember(submit(stream, {"memset", [=] {
                                    if (inDeviceMemory(to, bytes, device, "a memset that ran"))
                                      std::memset(to, value, bytes);
                                  }}));
}
