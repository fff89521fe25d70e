#pragma once

#include <algorithm>
#include <cstddef>

namespace convsweep::cpu {

/** Images of a shard at least. */
constexpr size_t kShardImages = 16;
/** Of a batch, since each has sums of its own. */
constexpr size_t kMostShards = 16;

/** A fixed part of a batch: images [first, last). It depends on the batch alone, not on who works on it. */
struct Shard {
  size_t index, first, last;
};

/** Images of each shard of a batch of `n` but the last. */
constexpr size_t shardImages(size_t n) {
  return std::max(kShardImages, (n + kMostShards - 1) / kMostShards);
}
constexpr size_t shardsOf(size_t n) {
  return (n + shardImages(n) - 1) / shardImages(n);
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
    const size_t images = shardImages(n);
    for (size_t first = 0, index = 0; first < n; first += images, ++index)
      body(Shard{index, first, std::min(n, first + images)}, size_t{0});
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
