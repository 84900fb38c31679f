#include "queue/in_hand.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "store/error.h"

namespace angarium::queue {
namespace {

constexpr std::uint64_t kMagic = 0x0100'444e'4148'4e49;  // "INHAND", version 1
constexpr std::size_t kNoPlace = InHand::kPlaces;

enum State : std::uint32_t {
  free_place = 0,
  in_hand = 1,
  suspected = 2,  ///< was in hand at a crash, and is not yet again
  changing = 3,   ///< somebody is just writing it; worth nothing after a crash
};

std::unexpected<Error> failed(const std::string& path) {
  return fail(store::kInputOutput, path + ": " + std::strerror(errno));
}

}  // namespace

struct InHand::Place {
  std::uint64_t id;
  std::atomic<std::uint32_t> state;
  std::uint32_t crashes;
};

struct InHand::File {
  std::uint64_t magic;
  std::atomic<std::uint32_t> crashed;
  std::uint32_t unused;
  std::array<Place, kPlaces> places;
};
static_assert(std::atomic<std::uint32_t>::is_always_lock_free);

Result<std::unique_ptr<InHand>> InHand::open(const std::string& path) {
  static_assert(sizeof(File) == 65'536);
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor < 0) return failed(path);
  struct stat found{};
  bool ready = ::fstat(descriptor, &found) == 0;
  if (ready && found.st_size != sizeof(File))
    ready = ::ftruncate(descriptor, 0) == 0 && ::ftruncate(descriptor, sizeof(File)) == 0;
  // Room for all of it now: a page that finds none when it is written would end the process.
  if (ready) {
    errno = ::posix_fallocate(descriptor, 0, sizeof(File));
    ready = errno == 0;
  }
  void* const mapped =
      ready ? ::mmap(nullptr, sizeof(File), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0) : MAP_FAILED;
  const int reason = errno;
  ::close(descriptor);
  errno = reason;
  if (mapped == MAP_FAILED) return failed(path);
  std::unique_ptr<InHand> made(new InHand(static_cast<File*>(mapped)));
  made->find_suspects();
  return made;
}

InHand::~InHand() { ::munmap(file_, sizeof(File)); }

void InHand::find_suspects() {
  if (file_->magic != kMagic) std::memset(static_cast<void*>(file_), 0, sizeof(File));
  const bool crashed = file_->crashed.load() != 0;
  for (Place& place : file_->places) {
    const std::uint32_t state = place.state.load();
    if (state == free_place) continue;
    if (state == in_hand && crashed) ++place.crashes;
    // Two consignments of one message are one suspect.
    const auto known = std::ranges::find_if(suspects_, [&](const Suspect& one) { return one.id.bits() == place.id; });
    const bool suspect = (state == in_hand || state == suspected) && place.crashes > 0;
    if (suspect && known == suspects_.end()) {
      suspects_.push_back({envelope::DeliveryId(place.id), place.crashes});
      place.state = suspected;
      continue;
    }
    if (suspect) known->crashes = std::max(known->crashes, place.crashes);
    place.state = free_place;
  }
  for (const Suspect& suspect : suspects_) file_->places[waiting_place(suspect)].crashes = suspect.crashes;
  file_->magic = kMagic;
  file_->crashed = 0;
}

std::size_t InHand::waiting_place(const Suspect& suspect) const {
  for (std::size_t i = 0; i < kPlaces; ++i)
    if (file_->places[i].state.load() == suspected && file_->places[i].id == suspect.id.bits()) return i;
  return kNoPlace;
}

InHand::Mark InHand::mark(envelope::DeliveryId id) {
  const std::size_t from = next_.load(std::memory_order_relaxed);
  for (std::size_t i = 0; i < kPlaces; ++i) {
    const std::size_t at = (from + i) % kPlaces;
    Place& place = file_->places[at];
    std::uint32_t expected = free_place;
    if (!place.state.compare_exchange_strong(expected, changing)) continue;
    place.id = id.bits();
    place.crashes = 0;
    place.state.store(in_hand);
    next_.store((at + 1) % kPlaces, std::memory_order_relaxed);
    return {*this, at};
  }
  return {};
}

InHand::Mark InHand::mark(const Suspect& suspect) {
  const std::size_t at = waiting_place(suspect);
  if (at == kNoPlace) return mark(suspect.id);
  file_->places[at].state.store(in_hand);
  return {*this, at};
}

void InHand::clear(const Suspect& suspect) {
  const std::size_t at = waiting_place(suspect);
  if (at != kNoPlace) give_back(at);
}

void InHand::give_back(std::size_t place) noexcept {
  file_->places[place].state.store(free_place);
  next_.store(place, std::memory_order_relaxed);
}

void InHand::crashing() noexcept { file_->crashed.store(1); }

}  // namespace angarium::queue
