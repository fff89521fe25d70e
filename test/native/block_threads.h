#pragma once

/*
 * The words that a kernel is written with, as threads of the host: include this before a kernel's text. Each
 * thread of a block is a thread, and __syncthreads a barrier of theirs, so that ThreadSanitizer sees where
 * one is missing. Blocks come one after the other.
 */

#include <barrier>
#include <cstdint>
#include <thread>
#include <vector>

struct KernelIndex {
  uint32_t x;
};
inline thread_local KernelIndex blockIdx, threadIdx;

namespace convsweep::test {

inline std::barrier<>* blockBarrier = nullptr;

/** Runs `kernel`, which takes no arguments, as every thread of every block. */
template <typename Kernel>
void runBlocks(uint32_t blocks, uint32_t threads, const Kernel& kernel) {
  std::barrier<> barrier(threads);
  blockBarrier = &barrier;
  std::vector<std::thread> block;
  for (uint32_t thread = 0; thread < threads; ++thread) {
    block.emplace_back([&, thread] {
      threadIdx.x = thread;
      for (uint32_t b = 0; b < blocks; ++b) {
        blockIdx.x = b;
        kernel();
        // The next block has shared memory of its own.
        barrier.arrive_and_wait();
      }
    });
  }
  for (std::thread& thread : block) thread.join();
}

}  // namespace convsweep::test

#define __device__
#define __global__
#define __launch_bounds__(threads)
#define __shared__ static
#define __syncthreads() ::convsweep::test::blockBarrier->arrive_and_wait()
