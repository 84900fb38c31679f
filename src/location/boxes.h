// The boxes of locations as a settling reaches them: one seam, whoever's the boxes are.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "io/pool.h"
#include "location/location.h"
#include "location/open_box.h"

namespace angarium::location {

/// Blocks; any thread. All fail with kTrouble, or kGone.
class Boxes {
 public:
  virtual ~Boxes() = default;
  /// As find_boxes(), where the location is who works on it's own (check_owner()).
  virtual Result<std::vector<Found>> find(const Location& location) = 0;
  virtual Result<> make(const Location& location, const std::string& path) = 0;
  virtual Result<> rename(const Location& location, const std::string& from, const std::string& to) = 0;
  virtual Result<> remove(const Location& location, const std::string& path) = 0;
  /// Whether there is nothing of that name; what cannot be looked at is there.
  virtual Result<bool> is_missing(const Location& location, const std::string& path) = 0;
  virtual Result<Stamp> stamp(const Location& location, const std::string& path) = 0;
  virtual Result<std::shared_ptr<OpenBox>> open(const Location& location, const std::string& path) = 0;
  virtual Result<There> add(const Location& location, const std::string& path, const NewMessage& message) = 0;
  /// The threads that this location is worked on by now; null: those of who asks. Any thread; never blocks.
  virtual io::Pool* threads(const Location&) { return nullptr; }
};

/// Those of this process's user.
class BoxesHere final : public Boxes {
 public:
  explicit BoxesHere(box::Host host) : host_(std::move(host)) {}
  Result<std::vector<Found>> find(const Location& location) override;
  Result<> make(const Location& location, const std::string& path) override {
    return make_box(location, path, host_.delivery.own_only ? Owner::self : Owner::anybody);
  }
  Result<> rename(const Location& location, const std::string& from, const std::string& to) override {
    return rename_box(location, from, to);
  }
  Result<> remove(const Location& location, const std::string& path) override { return remove_box(location, path); }
  Result<bool> is_missing(const Location& location, const std::string& path) override;
  Result<Stamp> stamp(const Location& location, const std::string& path) override {
    return stamp_of(location, path, host_.delivery.clock);
  }
  Result<std::shared_ptr<OpenBox>> open(const Location&, const std::string& path) override {
    return open_here(path, host_);
  }
  Result<There> add(const Location& location, const std::string& path, const NewMessage& message) override {
    return add_message(location, path, message, host_.delivery);
  }

 private:
  box::Host host_;
};

}  // namespace angarium::location
