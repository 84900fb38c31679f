#include "protocol/imap/backend.h"

#include <array>

namespace angarium::protocol::imap {
namespace {

/// Reads a view entry by entry, in blocks.
class Walk {
 public:
  explicit Walk(const View& view) : view_(view) { refill(); }
  [[nodiscard]] const Entry* get() const { return at_ < count_ ? &block_[at_] : nullptr; }
  void next() {
    if (++at_ < count_) return;
    index_ += count_;
    refill();
  }

 private:
  void refill() {
    count_ = view_.read(index_, block_);
    at_ = 0;
  }
  const View& view_;
  std::array<Entry, 64> block_;
  std::size_t index_ = 0;
  std::size_t count_ = 0;
  std::size_t at_ = 0;
};

}  // namespace

std::size_t View::first_unseen() const {
  Walk walk(*this);
  std::size_t index = 0;
  for (; walk.get() != nullptr; walk.next(), ++index) {
    if ((walk.get()->flags & kSeen) == 0) break;
  }
  return index;
}

std::vector<std::uint16_t> View::spilled_keywords(const Entry&) const { return {}; }

Delta compare_views(const View& from, const View& to) {
  Delta delta;
  Walk old(from);
  Walk now(to);
  while (old.get() != nullptr) {
    const auto& before = *old.get();
    while (now.get() != nullptr && now.get()->uid < before.uid) now.next();
    if (now.get() == nullptr || now.get()->uid != before.uid) {
      delta.expunged.push_back(before);
    } else if (now.get()->modseq != before.modseq) {
      delta.changed.push_back(before.uid);
    }
    old.next();
  }
  return delta;
}

io::Task<Result<bool>> Account::is_hidden([[maybe_unused]] std::string name) { co_return false; }

io::Task<Result<Rights>> Account::rights(std::string name) {
  for (const NameRow& row : CO_TRY(co_await list()))
    if (row.name == name && (row.attributes & kNameNonExistent) == 0) co_return row.rights;
  co_return fail(kNonExistent, "There is no such mailbox");
}

io::Task<Result<Rights>> Account::always_granted(std::string name, std::string identifier) {
  CO_TRY(co_await rights(std::move(name)));
  co_return identifier == owner() ? kAllRights : Rights{0};
}

}  // namespace angarium::protocol::imap
