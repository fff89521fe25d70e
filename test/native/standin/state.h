#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "standin/device.h"

/** What the simulated devices share beneath device.h. */
namespace standin {

/** Pages that end in one that nothing can touch, right behind the last byte. */
struct Allocation {
  char* pages;
  size_t mapped, bytes;
  int device;
};

struct State {
  std::mutex mutex;
  Faults faults;
  std::map<uintptr_t, Allocation> device, pinned;
  std::unordered_map<const void*, std::string> objects;
  std::set<Stream*> streams;
  std::set<Event*> events;
  std::map<int, size_t> used;
  /** Threads that run work of a device; while there are none, its memory is out of reach. */
  std::map<int, int> workers;
  std::vector<std::string> violations;
  std::set<std::string> kinds;
  uint64_t allocations = 0, operations = 0, captures = 0, broken = 0, replays = 0;
  size_t deepest = 0;
  /** By their count from 1: those that `faults` may break. */
  uint64_t capturesBegun = 0;
  /** Nothing before the first call. */
  std::optional<std::string> connections;
  bool sleeps = false;
  std::atomic<uint64_t> waits{0}, heuristics{0};
  bool lost = false;

  State();
  void parse(const std::string& words);
};

State& state();
using Lock = std::lock_guard<std::mutex>;

/** Makes a device's guarded memory touchable for as long as it lives. */
class Reach {
 public:
  explicit Reach(int device);
  ~Reach();
  Reach(const Reach&) = delete;
  Reach& operator=(const Reach&) = delete;

 private:
  int device_;
};

bool isPinned(const void* pointer, size_t bytes);

void perform(const Operation& operation);
/** Runs the stream's work up to its `place`th piece. */
void runUntil(Stream* stream, uint64_t place);
/** Runs all that was submitted to a device so far. */
void runAll(int device);
/** A violation where the stream is none that the calling thread may use. */
cudaError_t checkedStream(Stream* stream, const char* call);

}  // namespace standin
