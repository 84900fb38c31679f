// THREAD: found messages as threads (RFC 5256 §3).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "protocol/imap/found.h"
#include "protocol/imap/sliced_sort.h"
#include "protocol/imap/text_table.h"

namespace angarium::protocol::imap {

/// What THREAD compares of a message.
struct ThreadMessage {
  std::uint32_t number = 0;     ///< as the client is told
  std::int64_t date = 0;        ///< sent date in seconds
  std::string_view subject;     ///< base subject as collation_key()
  bool reply = false;           ///< or forward, by its subject
  std::string_view id;          ///< empty: none that is valid
  std::string_view references;  ///< message::thread_references()
};

/// Builds the threads of messages given in mailbox order. What takes long works in slices.
class Threader {
 public:
  /// `secret`: of TextTable.
  explicit Threader(ThreadBy by, std::uint64_t secret = 0, std::size_t steps_max = kThreadStepsMax)
      : by_(by), ids_(secret), subjects_(secret), steps_left_(steps_max) {}

  /// So many messages are about to come.
  void expect(std::size_t messages);
  /// kLimit where there are too many messages, references or ancestors.
  Result<void> add(const ThreadMessage& message);
  io::Task<Result<void>> build();
  /// Appends more of the threads as thread-list of RFC 5256 §5; false: that was all.
  bool write_some(std::string& out);

 private:
  using Index = std::uint32_t;
  static constexpr Index kNone = UINT32_MAX;
  static constexpr Index kRoot = UINT32_MAX - 1;  ///< the parent of roots, among links
  static constexpr Index kNoSubject = 0;          ///< of the empty subject
  static constexpr std::size_t kTableEntry = 96;  ///< octets, about
  struct Node {
    std::int64_t date = 0;
    Index parent = kNone;
    Index children = 0;  ///< how many name this one as their parent
    Index subject = kNoSubject;
    std::uint32_t number = 0;  ///< 0: a dummy
    bool reply = false;
    [[nodiscard]] bool dummy() const { return number == 0; }
  };
  /// Of a dummy: its first child by date. Of a message: itself.
  struct First {
    std::int64_t date = 0;
    std::uint32_t number = 0;  ///< 0: no child
    Index subject = kNoSubject;
  };
  /// A node in its place among its siblings.
  struct Link {
    Index parent = kNone;
    std::uint32_t number = 0;  ///< of the first: what breaks ties
    std::int64_t date = 0;
    Index node = kNone;
    [[nodiscard]] auto place() const { return std::tuple(parent, date, number); }
  };
  struct Item {
    enum class What : std::uint8_t { open, next, close };
    What what = What::open;
    Index node = kNone;
  };

  Result<void> step(std::size_t steps);
  Result<Index> new_node();
  Result<Index> subject_of(std::string_view key);
  Result<Index> node_of(std::string_view id);
  Result<Index> node_of(const ThreadMessage& message);
  void cut(Index child);
  Result<void> join(Index parent, Index child);
  Result<void> refer(Index node, std::string_view references);

  io::Task<> group_by_subject();
  io::Task<> settle();
  void promote(Index node);
  io::Task<> find_roots();
  io::Task<Result<void>> merge_by_subject();
  Result<void> merge(Index current, Index& held);
  io::Task<std::vector<std::int64_t>> latest_dates();
  io::Task<> link();
  [[nodiscard]] First first_of(Index node) const;
  void write_node(Index node, std::string& out);

  ThreadBy by_;
  std::vector<Node> nodes_;
  std::vector<First> firsts_;  ///< by node, of dummies
  std::vector<Index> roots_;
  std::vector<Link> links_;  ///< in the end by parent, date and mailbox order: siblings lie together, roots last
  TextTable ids_;
  TextTable subjects_;
  OctetKeeper keeper_;
  Pace pace_;
  std::size_t steps_left_;
  std::vector<Item> stack_;  ///< what write_some() goes on with
  std::size_t next_root_ = 0;
};

/// The threads of the set's messages, ready to be written.
io::Task<Result<std::unique_ptr<Threader>>> thread_found(Session& session, const NumberSet& uids, ThreadBy by,
                                                         Addressing addressing);

}  // namespace angarium::protocol::imap
