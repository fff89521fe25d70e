#pragma once

#include <algorithm>
#include <cstddef>

namespace convsweep::cpu {

/** Images of a shard. */
constexpr size_t kShardImages = 16;

/** A fixed part of a batch: images [first, last). It depends on the batch alone, not on who works on it. */
struct Shard {
  size_t index, first, last;
};

constexpr size_t shardsOf(size_t n) {
  return (n + kShardImages - 1) / kShardImages;
}

/**
 * Those who work on one network's batches. Sums over a batch are formed per shard and then added in the order
 * of the shards, so that their bits do not depend on the number of workers. Scratch memory belongs to a
 * worker.
 */
class Team {
 public:
  size_t workers() const { return 1; }

  /** Calls body(shard, worker) for each shard of `n` images; shards may be worked on in any order. */
  template <typename Body>
  void forEachShard(size_t n, const Body& body) const {
    for (size_t first = 0, index = 0; first < n; first += kShardImages, ++index)
      body(Shard{index, first, std::min(n, first + kShardImages)}, size_t{0});
  }

  /** Calls body(image) for each, for what needs neither sums nor scratch. */
  template <typename Body>
  void forEachImage(size_t n, const Body& body) const {
    forEachShard(n, [&](const Shard& shard, size_t) {
      for (size_t i = shard.first; i < shard.last; ++i) body(i);
    });
  }
};

}  // namespace convsweep::cpu
