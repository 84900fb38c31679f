// Only for tests: users' boxes that are worked on by real processes, which die where they are told to.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <climits>
#include <csignal>
#include <functional>
#include <string>

#include "delivery/files_faulty.h"
#include "location/servant.h"
#include "location/users_boxes.h"

namespace angarium::location::testing {

/// A number that processes share with those they fork.
class SharedCount {
 public:
  SharedCount()
      : at_(static_cast<std::atomic<std::uint64_t>*>(::mmap(
            nullptr, sizeof(std::atomic<std::uint64_t>), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {
    *at_ = 0;
  }
  SharedCount(const SharedCount&) = delete;
  SharedCount& operator=(const SharedCount&) = delete;
  ~SharedCount() { ::munmap(at_, sizeof *at_); }
  std::uint64_t next() { return ++*at_; }
  [[nodiscard]] std::uint64_t now() const { return *at_; }

 private:
  std::atomic<std::uint64_t>* at_;
};

/// The host's files for a process that dies before its n-th call that changes something.
class DyingFiles final : public delivery::FaultyFiles {
 public:
  DyingFiles(SharedCount& calls, std::uint64_t at, ManualClock& clock)
      : FaultyFiles(1, clock), calls_(calls), at_(at) {}
  using FaultyFiles::sync;
  delivery::Answer<Descriptor> create(const Descriptor& folder, const std::string& name, unsigned mode) override {
    count();
    return FaultyFiles::create(folder, name, mode);
  }
  delivery::Answer<> link(const Descriptor& from, const std::string& name, const Descriptor& to,
                          const std::string& new_name) override {
    count();
    return FaultyFiles::link(from, name, to, new_name);
  }
  delivery::Answer<> rename(const Descriptor& from, const std::string& name, const Descriptor& to,
                            const std::string& new_name) override {
    count();
    return FaultyFiles::rename(from, name, to, new_name);
  }
  delivery::Answer<> sync(const Descriptor& file) override {
    count();
    return FaultyFiles::sync(file);
  }
  delivery::Answer<std::size_t> write(const Descriptor& file, std::uint64_t offset, std::string_view octets) override {
    count();
    return FaultyFiles::write(file, offset, octets);
  }
  delivery::Answer<> remove(const Descriptor& folder, const std::string& name) override {
    count();
    return FaultyFiles::remove(folder, name);
  }
  delivery::Answer<> truncate(const Descriptor& file, std::uint64_t size) override {
    count();
    return FaultyFiles::truncate(file, size);
  }
  /// As the host has it: a lock file of one that died is nobody's.
  std::optional<std::int64_t> process_began(std::uint64_t process) override {
    return delivery::local_files().process_began(process);
  }

 private:
  void count() {
    if (calls_.next() == at_) ::kill(::getpid(), SIGKILL);
  }
  SharedCount& calls_;
  std::uint64_t at_;
};

/// Begins processes as the steward does, of this test's own user.
class Processes {
 public:
  using Work = std::function<void(const Descriptor& socket, const cage::Servant::Errand& errand)>;
  explicit Processes(std::string home, Work work = {}) : home_(std::move(home)), work_(std::move(work)) {
    // Whoever dies is gone, with its locks.
    before_ = std::signal(SIGCHLD, SIG_IGN);
  }
  Processes(const Processes&) = delete;
  Processes& operator=(const Processes&) = delete;
  ~Processes() { std::signal(SIGCHLD, before_); }

  Result<Descriptor> attend(const cage::Attend& request) {
    auto [ours, its] = TRY(cage::socket_pair(cage::SocketKind::octets));
    ++begun;
    process = ::fork();
    if (process != 0) return std::move(ours);
    const auto kept = static_cast<unsigned>(its.get());
    if (kept > STDERR_FILENO + 1) ::close_range(STDERR_FILENO + 1, kept - 1, 0);
    ::close_range(kept + 1, UINT_MAX, 0);
    const cage::Servant::Errand errand{
        .user = {.name = request.name, .home = home_}, .place = request.place, .spool_file = request.spool_file};
    if (work_)
      work_(its, errand);
    else
      BoxServant().serve(its, errand);
    ::_exit(0);
  }
  [[nodiscard]] UsersBoxes::Attend attend() {
    return [this](const cage::Attend& request) { return attend(request); };
  }

  std::atomic<int> begun = 0;
  pid_t process = 0;  ///< the newest

 private:
  std::string home_;
  Work work_;
  void (*before_)(int) = SIG_DFL;
};

}  // namespace angarium::location::testing
