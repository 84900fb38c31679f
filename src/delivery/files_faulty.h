// Files of the host on a disk that fails as disks do: it fails the n-th call, writes in small pieces, runs full, and
// when the power goes it loses or tears what was not synced: growth is lost or cut short, and of what was written over
// any part stays the old; what was synced and not touched since is never lost. Everything by seed. For tests; one
// thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/random.h"
#include "delivery/files.h"

namespace angarium::delivery {

class FaultyFiles : public Files {
 public:
  /// Faults to come. A count of n means the n-th call from now on; 0: never.
  struct Faults {
    std::uint64_t fail_at = 0;       ///< fails with `code`, and does nothing
    std::uint64_t failing = 1;       ///< so many calls in a row, from that one on
    int code = 5;                    ///< EIO
    std::uint64_t power_cut_at = 0;  ///< the power goes in the middle of it: it does a part or all, nothing later acts
    std::uint64_t write_octets_max = UINT64_MAX;  ///< a write writes no more
    int create_code = 0;                          ///< all files that would be made fail with it; 0: none
    int link_code = 0;                            ///< the same of links
    std::uint64_t room = UINT64_MAX;              ///< octets that may still be written before ENOSPC
  };

  /// `clock` is moved by pause().
  FaultyFiles(std::uint64_t seed, ManualClock& clock) : random_(seed), clock_(clock) {}

  void arm(const Faults& faults) {
    faults_ = faults;
    calls_ = 0;
  }
  /// Calls since arm().
  [[nodiscard]] std::uint64_t calls() const { return calls_; }
  /// The power goes now, and is back: of each file and each name that was not synced, by the seed, all, a part or
  /// nothing stays.
  void power_cut();
  /// Whether it went in a call. From then on every call fails, until the power is back by power_cut().
  [[nodiscard]] bool dark() const { return dark_; }
  /// The only processes that run, and since when.
  std::map<std::uint64_t, std::int64_t> running;
  /// Called by pause(), if there is one.
  std::function<void()> on_pause;
  /// The same of lock(), before it locks.
  std::function<void()> on_lock;

  Answer<Descriptor> open_folder(const std::string& path) override;
  Answer<Descriptor> open_folder(const Descriptor& folder, const std::string& name) override;
  Answer<> make_folder(const Descriptor& folder, const std::string& name) override;
  Answer<Descriptor> open(const Descriptor& folder, const std::string& name) override;
  Answer<Descriptor> create(const Descriptor& folder, const std::string& name, unsigned mode) override;
  Answer<Descriptor> create_unnamed() override;
  Answer<Descriptor> open_for_reading(const Descriptor& file) override;
  Answer<FileFacts> facts(const Descriptor& file) override;
  Answer<FileFacts> facts(const Descriptor& folder, const std::string& name) override;
  Answer<std::string> read(const Descriptor& file, std::uint64_t offset, std::size_t count) override;
  Answer<std::size_t> write(const Descriptor& file, std::uint64_t offset, std::string_view octets) override;
  Answer<> append(const Descriptor& folder, const std::string& name, std::string_view octets) override;
  Answer<> truncate(const Descriptor& file, std::uint64_t size) override;
  Answer<> sync(const Descriptor& file) override;
  Answer<> lock(const Descriptor& file) override;
  Answer<> link(const Descriptor& from, const std::string& name, const Descriptor& to,
                const std::string& new_name) override;
  Answer<> rename(const Descriptor& from, const std::string& name, const Descriptor& to,
                  const std::string& new_name) override;
  Answer<> remove(const Descriptor& folder, const std::string& name) override;
  Answer<std::vector<std::string>> list(const Descriptor& folder, std::size_t max) override;
  void pause(Duration duration) override;
  std::optional<std::int64_t> process_began(std::uint64_t process) override;

 private:
  using Identity = std::pair<std::uint64_t, std::uint64_t>;  // device and inode
  struct Unsynced {
    Descriptor file;
    std::string synced;  // what the disk has for certain
  };
  struct Name {
    Identity folder_identity;
    Descriptor folder;
    std::string name;
  };
  /// Nothing: the call proceeds. Else errno.
  Answer<> enter();
  void before_change(const Descriptor& file);
  void added(const Descriptor& folder, const std::string& name);
  void settle(Unsynced& content);
  static Identity identity_of(const Descriptor& file);

  SeededRandom random_;
  ManualClock& clock_;
  Faults faults_;
  std::uint64_t calls_ = 0;
  bool dark_ = false;
  bool going_dark_ = false;  // in this call
  std::map<Identity, Unsynced> contents_;
  std::vector<Name> names_;
};

}  // namespace angarium::delivery
