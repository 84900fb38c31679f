// One run of sweeping.
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "store/tablet_engine.h"

namespace angarium::store {

class Sweep {
 public:
  /// The engine's chores are locked as long as this lives.
  Sweep(Engine& engine, const SweepOptions& options)
      : engine_(engine), options_(options), now_(engine.options_.clock->wall().microseconds) {}
  Result<SweepReport> run();

 private:
  struct Living {
    Engine::Location at;
    BodyRef ref;
  };
  Result<> close_old();
  Result<> renew_image();
  Result<> mark();
  Result<> tidy_relocations();
  Result<> commit(Batch& batch);
  std::vector<Segment> choose();
  Result<> rewrite(const Segment& victim);
  Result<Segment> copy_bodies(const Segment& victim, const std::vector<Living>& living, const Segments::Created& to);
  Result<Segment> copy_groups(const Segment& victim, const std::vector<Living>& living, const Segments::Created& to);
  Result<std::uint64_t> copy_body(File& from, std::uint64_t record, const BodyRef& ref, const Segments::Created& to,
                                  std::uint64_t offset, std::uint32_t& headers_crc);
  [[nodiscard]] Result<> go_on() const;
  Result<> wrote(File& file, std::uint64_t offset, std::uint64_t length);
  Result<Segment> finish(const Segment& victim, const Segments::Created& to, std::uint64_t size, std::uint64_t bodies);

  Engine& engine_;
  const SweepOptions& options_;
  std::int64_t now_;
  std::uint64_t covered_ = 0;                          ///< metadata up to this sequence is in an image
  std::vector<Segment> marked_;                        ///< of these it is known what lives
  std::map<std::uint32_t, std::vector<Living>> live_;  ///< by the segment they lie in
  std::map<Engine::Location, Engine::Location> moved_;
  std::vector<std::pair<Engine::Location, Engine::Location>> moves_;  ///< of the rewrite under way
  std::uint64_t retired_octets_ = 0;
  std::uint64_t since_pause_ = 0;  ///< octets copied
  SweepReport report_;
};

}  // namespace angarium::store
