#pragma once

#include <memory>

#include "backend/backend.h"
#include "cuda/cursor.h"
#include "cuda/lane.h"
#include "cuda/memory.h"

namespace convsweep::cuda {

/** The flat state of one network on its device. `gradients` is laid out as `parameters`. */
struct State {
  float *parameters, *gradients, *m, *v, *statistics;
};

/** What the blocks of one network share. The memory that they point to may move between steps. */
struct Context {
  Lane& lane;
  State state;
  Cursor* cursor;
  uint32_t seed;
  bool tf32;
  /** For cuDNN's convolutions, one at a time. */
  DeviceMemory workspace;
  /** For what a block needs within one call only. */
  float* scratch = nullptr;
};

/** A place in the chain where values and their gradients lie, n x order.size() each. */
struct Node {
  Order order;
  float* values = nullptr;
  /** Written in full by the block that follows; shared with other nodes, so it is valid only until the block
   * before has used it. */
  float* gradient = nullptr;
  /** Whether there are parameters before it, which need the gradient. */
  bool differentiable = false;
};

class NormBlock;

/** How much of the batch norm behind it a block does, with kernels that do both blocks' work. */
enum class NormShare { None, Inference, All };

/** A block of the chain. Memory is given to it before it runs, for the most images that it will see. */
class CudaBlock : public Block {
 public:
  CudaBlock(Context& context, const Node& from, Order order) : context_(context), from_(from) {
    to_.order = order;
    to_.differentiable = from.differentiable;
  }

  const Node& output() const { return to_; }
  void setGradient(float* gradient) { to_.gradient = gradient; }

  /** Says which block comes before this one, which lives as long; once, before anything else. */
  virtual void follow(CudaBlock&) {}
  /** Offers the batch norm that follows, which lives as long. From then on the block does what it answers,
   * and puts the output where the norm's belongs. */
  virtual NormShare take(const NormBlock&) { return NormShare::None; }

  /** Takes memory for the values of `n` images and what `backward` needs besides. */
  virtual void place(Arena& memory, size_t n) { to_.values = memory.take<float>(n * to_.order.size()); }
  /** Floats of scratch memory for `n` images. */
  virtual size_t scratch(size_t) const { return 0; }
  /** Chooses engines for batches of `n` images; returns the bytes of workspace that they need. Neither
   * this nor `tryOut` may be done while a step is recorded. */
  virtual size_t prepare(size_t, Mode) { return 0; }
  /** Runs what `prepare` chose and has never run, on whatever is in memory. False if the library refused one,
   * in place of which another is chosen: then `prepare` is due again. */
  virtual bool tryOut(size_t, Mode) { return true; }

 protected:
  cudaStream_t stream() const { return context_.lane.stream(); }
  float* parameters(size_t offset) const { return context_.state.parameters + offset; }
  float* gradients(size_t offset) const { return context_.state.gradients + offset; }
  /** The values of `n` images in this block's output. */
  uint32_t size(size_t n) const { return static_cast<uint32_t>(n) * to_.order.size(); }

  Context& context_;
  const Node& from_;
  Node to_;
};

/** Builds the block for `spec`, reading from `from`; `order` is that of its output. Both references outlive
 * it. */
std::unique_ptr<CudaBlock> makeBlock(Context& context, const Node& from, const BlockSpec& spec, Order order);

}  // namespace convsweep::cuda
