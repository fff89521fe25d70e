#pragma once

#include <algorithm>
#include <memory>
#include <span>
#include <vector>

#include "backend/backend.h"
#include "backend/buffer.h"
#include "cpu/kernels.h"
#include "cpu/team.h"

namespace convsweep::cpu {

/** The flat state of one network. `gradients` is laid out as `parameters`. */
struct State {
  Buffer<float> parameters, gradients, m, v, statistics;
};

/**
 * Memory for what only neighbours in the chain have to do with: gradients, which a block is done with when it
 * has written its input's, and values in inference. The nodes take its two places in turn, which so stay in
 * the cache.
 */
class PassingMemory {
 public:
  /** Before the first batch: there will be a node of `size` values. */
  void take(size_t size) { largest_ = std::max(largest_, size); }
  /** Of `n` images; what it held before is lost if that are more than ever. */
  float* at(int place, size_t n) {
    memory_[place].ensure(n * largest_ + kSlack);
    return memory_[place].data();
  }
  void release() {
    for (Buffer<float>& memory : memory_) memory.release();
  }

 private:
  size_t largest_ = 0;
  Buffer<float> memory_[2];
};

/** What the blocks of one network share: state, kernels, memory and the number of the step. */
struct Context {
  const Kernels& kernels;
  State& state;
  const Team& team;
  /** Of all workers; each block asks for what it needs before it uses it. */
  Buffer<float>& scratch;
  PassingMemory& passing;
  const int64_t& step;
  uint32_t seed;
};

/**
 * Values of a training batch that are not written out, since they are quickly made of what is in memory
 * anyway: who reads them has them made, a few images at a time that stay in the cache, whenever it does.
 */
class Deferred {
 public:
  virtual ~Deferred() = default;
  /** Writes those of the images [first, last). */
  virtual void values(size_t first, size_t last, float* to) = 0;
  /** After a shard of their gradient has been written. */
  virtual void takeGradient(const Shard& shard) = 0;
};

/** A place in the chain where values and their gradients lie, n x size each. */
struct Node {
  size_t size = 0;
  /** The network's input. */
  bool pixels = false;
  /** Where these are made by it, `values` is for inference alone. */
  Deferred* deferred = nullptr;
  /** Of a batch of inference they are gone when the block after the next has written its own. */
  const float* values = nullptr;
  /**
   * Null where nobody needs a gradient: at the input. Written in full by the block that follows, and gone
   * when the block before has written its own.
   */
  float* gradient = nullptr;
  /** Of the gradient in PassingMemory; -1 at the input. */
  int place = -1;
};

/**
 * What a block does to the output of the one before, shard by shard while the shard is in the cache: that one
 * leads, and calls this in its own passes over the shards.
 */
class Follower {
 public:
  virtual ~Follower() = default;
  /** Before a batch. */
  virtual void begin(size_t n, Mode mode) = 0;
  /** Whether ReLU is the last of what it does. */
  virtual bool relu() const = 0;
  /**
   * In inference: the kernel, [rows][channel], and the bias, null for zeros, with which the leader puts out
   * what this makes of its output, but for ReLU.
   */
  virtual void fold(const float* kernel, size_t rows, const float* bias, float* foldedKernel,
                    float* foldedBias) const = 0;
  /** After a shard of the leader's output has been written, to `values`; changes it in inference. */
  virtual void forward(const Shard& shard, Mode mode, float* values) = 0;
  /** Writes a shard of the gradient of the leader's output. */
  virtual void backward(const Shard& shard) = 0;
};

/** A block with memory of its own for its output. */
class CpuBlock : public Block {
 public:
  /** `inPlace`: its input's gradient takes the place of its output's, element by element. */
  CpuBlock(const Context& context, const Node& from, size_t size, bool inPlace = false)
      : context_(context), from_(from) {
    to_.size = size;
    to_.place = inPlace && from.place >= 0 ? from.place : from.place == 0 ? 1 : 0;
    context.passing.take(size);
  }

  const Node& output() const { return to_; }
  /** Tells which block it reads, once that is there. */
  virtual void follow(CpuBlock&) {}
  /** Whether this block leads `follower` from now on; the follower outlives its last pass. */
  virtual bool lead(Follower&) { return false; }
  /** Whether in inference the output holds the largest values of each window from now on. */
  virtual bool pool(const PoolSpec&) { return false; }
  /** Says that the block that reads the output takes it deferred. */
  virtual void defer() {}

 protected:
  /** Makes room for the output of `n` images and, in training, for its gradient. */
  float* prepare(size_t n, Mode mode);
  /** The same for the gradient alone. */
  void prepareGradient(size_t n);

  const Kernels& kernels() const { return context_.kernels; }
  const Team& team() const { return context_.team; }
  /** Memory for each worker, `size` floats apart. */
  float* scratch(size_t size) {
    context_.scratch.ensure(team().workers() * size);
    return context_.scratch.data();
  }
  float* parameters(size_t offset) const { return context_.state.parameters.data() + offset; }
  float* gradients(size_t offset) const { return context_.state.gradients.data() + offset; }

  Context context_;
  const Node& from_;
  Node to_;

 private:
  Buffer<float> values_;
};

/** How many of `specs`, which are not empty, `makeBlock` makes one block of: batch norm takes its ReLU along.
 */
size_t blocksAsOne(std::span<const BlockSpec> specs);
/** Builds the block for the first of `specs`, reading from `from`, which outlives it. */
std::unique_ptr<CpuBlock> makeBlock(const Context& context, const Node& from,
                                    std::span<const BlockSpec> specs);

}  // namespace convsweep::cpu
