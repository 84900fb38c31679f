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
  Result<> renew_image_for_cooling(std::uint64_t metadata);
  Result<> mark();
  Result<> tidy_relocations();
  Result<> commit(Batch& batch);
  void choose();
  [[nodiscard]] std::uint64_t octets_to_pack(const Segment& segment) const;
  [[nodiscard]] bool packs(const Segment& segment) const;
  Result<> cool(const Segment& victim);
  Result<bool> room_for(std::uint64_t octets) const;
  Result<> choose_dictionary();
  Result<std::vector<std::string>> take_samples();
  Result<> keep_better(const std::vector<std::string>& samples, const std::optional<KeptDictionary>& kept);
  Result<> rewrite(const Segment& victim);
  Result<Segment> copy_bodies(const Segment& victim, const std::vector<Living>& living, const Segments::Created& to);
  Result<Segment> copy_groups(const Segment& victim, const std::vector<Living>& living, const Segments::Created& to);
  Result<Segment> pack_bodies(const Segment& victim, const std::vector<Living>& living, const Segments::Created& to);
  Result<std::uint64_t> pack_body(Packer& packer, const Living& body, const Segments::Created& to,
                                  std::uint64_t offset);
  Result<std::uint64_t> copy_body(const Living& body, const Segments::Created& to, std::uint64_t offset,
                                  std::uint32_t& headers_crc);
  [[nodiscard]] Result<> go_on() const;
  Result<> wrote(File& file, std::uint64_t offset, std::uint64_t length);
  Result<> pause_after(std::uint64_t octets);
  Result<Segment> finish(const Segment& victim, const Segments::Created& to, std::uint64_t size, std::uint64_t bodies);

  Engine& engine_;
  const SweepOptions& options_;
  std::int64_t now_;
  std::uint64_t covered_ = 0;                          ///< metadata up to this sequence is in an image
  std::vector<Segment> marked_;                        ///< of these it is known what lives
  std::map<std::uint32_t, std::vector<Living>> live_;  ///< by the segment they lie in
  std::map<Engine::Location, Engine::Location> moved_;
  std::vector<Segment> victims_;                                      ///< for the sake of room
  std::vector<Segment> cooling_;                                      ///< only to be compressed
  std::shared_ptr<const Dictionary> dictionary_;                      ///< what compresses in this run; may be null
  std::vector<std::pair<Engine::Location, Engine::Location>> moves_;  ///< of the rewrite under way
  std::uint64_t retired_octets_ = 0;
  std::uint64_t cooled_ = 0;       ///< octets of bodies, of `cooling_`
  bool cooled_enough_ = false;     ///< for this run
  std::uint64_t since_pause_ = 0;  ///< octets copied
  SweepReport report_;
};

}  // namespace angarium::store
