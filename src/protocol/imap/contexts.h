// Contexts: what a SEARCH or SORT with RETURN (UPDATE) found is kept true while the mailbox changes (RFC 5267 §4.3).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/imap/esearch.h"

namespace angarium::protocol::imap {

/// One search whose client is told of every change of its result. The view it was found in is the session's.
class Context {
 public:
  /// `program` as find_messages() left it. kLimit for what cannot be kept up to date.
  static Result<Context> make(const Session& session, const Correlator& correlator, SearchProgram program,
                              const SearchResult& found);
  /// With these criteria the client is told places in their order.
  io::Task<Result<void>> put_in_order(Session& session, std::vector<SortCriterion> criteria, const SearchResult& found);

  [[nodiscard]] std::string_view tag() const { return correlator_.tag; }
  /// From now on its client is told UIDs.
  void use_uids() { correlator_.addressing = Addressing::uid; }
  /// What it holds in memory, about.
  [[nodiscard]] std::size_t octets() const;
  /// What its client wants to see of a message that came and was found.
  [[nodiscard]] const FetchProgram* wanted() const { return program_.update_items ? &*program_.update_items : nullptr; }
  [[nodiscard]] const NumberSet& joined() const { return joined_; }

  /// Looks at what changed: `changed` and what is new from `fresh` on.
  io::Task<Result<void>> refresh(Session& session, const NumberSet& changed, std::uint32_t fresh);
  /// Whether something is to be told: of expunged messages, whose numbers still count, …
  [[nodiscard]] bool has_gone() const { return !gone_.empty(); }
  void tell_gone(Session& session);
  /// … and of all others, by the numbers after that.
  [[nodiscard]] bool has_moved() const { return !left_.empty() || !joined_.empty(); }
  void tell_moved(Session& session);

 private:
  /// A message of SORT and what it is sorted by.
  struct Place {
    std::string key;
    std::uint32_t uid = 0;
    friend bool operator<(const Place& a, const Place& b) {
      const auto keys = a.key.compare(b.key);
      return keys != 0 ? keys < 0 : a.uid < b.uid;
    }
  };

  Context(Correlator correlator, SearchProgram program, bool moving)
      : correlator_(std::move(correlator)), program_(std::move(program)), moving_(moving) {}
  io::Task<Result<std::vector<Place>>> places_of(Session& session, const NumberSet& uids, const SearchResult& scores);
  void append_places(std::string& out, const Selected& selected, std::size_t position,
                     std::span<const Place> places) const;
  void append_set(std::string& out, const Selected& selected, const NumberSet& uids) const;
  void remove(Session& session, const NumberSet& uids);
  void add(Session& session);

  Correlator correlator_;
  SearchProgram program_;
  std::vector<SortCriterion> criteria_;
  bool moving_;     ///< what it finds depends on more than the message: it is searched for anew at every change
  NumberSet uids_;  ///< what the client was told of
  std::vector<Place> order_;  ///< the same in the order of SORT
  NumberSet gone_;
  NumberSet left_;
  NumberSet joined_;
  std::vector<Place> joining_;  ///< where SORT puts them
};

/// All contexts of a session's mailbox.
class Contexts {
 public:
  explicit Contexts(std::uint32_t fresh) : fresh_(fresh) {}

  [[nodiscard]] bool has(std::string_view tag) const;
  [[nodiscard]] bool empty() const { return all_.empty(); }
  /// Numbers are not told any more.
  void use_uids() {
    for (Context& context : all_) context.use_uids();
  }
  /// kLimit beyond kContextsMax and kContextOctetsMax.
  Result<void> add(Context context);
  /// All of them or none. kRefused for a tag that has no context.
  Result<void> cancel(std::span<const std::string> tags);

  /// Remembers what changed until somebody asks.
  void note(const News& news);
  /// Finds out what is to be told. A context where that fails ends by NOUPDATE.
  io::Task<Result<void>> refresh(Session& session);
  io::Task<Result<void>> tell_gone(Session& session);
  /// What is to be shown of the messages that came, before tell_moved() (RFC 5465 §7).
  [[nodiscard]] std::vector<std::pair<NumberSet, const FetchProgram*>> shown() const;
  io::Task<Result<void>> tell_moved(Session& session);

 private:
  std::vector<Context> all_;
  NumberSet changed_;
  std::uint32_t fresh_;          ///< UIDs from here on were not looked at
  std::uint32_t came_from_ = 0;  ///< those looked at last
  bool due_ = false;
};

/// RFC 5267 §4.3.1: the search is answered, its updates are not.
void refuse_updates(Session& session, std::string_view tag, std::string_view why);

/// RFC 5267 §4.3: whether an earlier command with that tag is kept up to date.
bool tag_is_used(const Session& session, std::string_view tag);

/// Makes the context of a command that was answered, or refuses its updates. `criteria`: of SORT.
io::Task<Result<void>> keep_updated(Session& session, const Correlator& correlator, SearchProgram program,
                                    const SearchResult& found, std::vector<SortCriterion> criteria = {});

}  // namespace angarium::protocol::imap
