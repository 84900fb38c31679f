#include "protocol/imap/threader.h"

#include <algorithm>

#include "base/text.h"
#include "message/encoded_word.h"
#include "message/threading.h"
#include "protocol/imap/envelope.h"

namespace angarium::protocol::imap {

// ---- step 1: parents and children by references ---------------------------------------------------------------------

Result<void> Threader::step(std::size_t steps) {
  if (steps > steps_left_) return fail(kLimit, "The threads are too deep");
  steps_left_ -= steps;
  return {};
}

Result<Threader::Index> Threader::new_node() {
  TRY(keeper_.count(sizeof(Node) + sizeof(First) + 2 * sizeof(Link)));
  nodes_.emplace_back();
  return static_cast<Index>(nodes_.size() - 1);
}

Result<Threader::Index> Threader::subject_of(std::string_view key) {
  if (key.empty()) return kNoSubject;
  if (const auto known = subjects_.find(key); known != TextTable::kNone) return known;
  TRY(keeper_.count(kTableEntry));
  const auto subject = static_cast<Index>(subjects_.size() + 1);
  subjects_.add(TRY(keeper_.keep(key)), subject);
  return subject;
}

Result<Threader::Index> Threader::node_of(std::string_view id) {
  if (const auto known = ids_.find(id); known != TextTable::kNone) return known;
  TRY(keeper_.count(kTableEntry));
  const auto kept = TRY(keeper_.keep(id));
  const auto node = TRY(new_node());
  ids_.add(kept, node);
  return node;
}

Result<Threader::Index> Threader::node_of(const ThreadMessage& message) {
  if (message.id.empty()) return new_node();
  const auto node = TRY(node_of(message.id));
  // Of messages with one id the first has it.
  return nodes_[node].dummy() ? node : new_node();
}

void Threader::cut(Index child) {
  auto& parent = nodes_[child].parent;
  if (parent != kNone) --nodes_[parent].children;
  parent = kNone;
}

Result<void> Threader::join(Index parent, Index child) {
  if (parent == child) return {};
  // Without children it is nobody's ancestor, and no loop can come of it.
  if (nodes_[child].children != 0) {
    std::size_t steps = 0;
    auto above = parent;
    for (; above != kNone && above != child; above = nodes_[above].parent) ++steps;
    TRY(step(steps));
    if (above == child) return {};
  }
  nodes_[child].parent = parent;
  ++nodes_[parent].children;
  return {};
}

Result<void> Threader::refer(Index node, std::string_view references) {
  Index before = kNone;
  while (!references.empty()) {
    const auto referred = TRY(node_of(take_until(references, '\n')));
    if (before != kNone && nodes_[referred].parent == kNone) TRY(join(before, referred));
    before = referred;
  }
  cut(node);
  return before == kNone ? Result<void>() : join(before, node);
}

void Threader::expect(std::size_t messages) {
  nodes_.reserve(messages);
  subjects_.expect(messages);
  if (by_ != ThreadBy::ordered_subject) ids_.expect(messages);
}

Result<void> Threader::add(const ThreadMessage& message) {
  const auto subject = TRY(subject_of(message.subject));
  const auto node = by_ == ThreadBy::ordered_subject ? TRY(new_node()) : TRY(node_of(message));
  auto& added = nodes_[node];
  added.date = message.date;
  added.subject = subject;
  added.number = message.number;
  added.reply = message.reply;
  return by_ == ThreadBy::ordered_subject ? Result<void>() : refer(node, message.references);
}

// ---- steps 2 to 4: dummies go, roots are known ----------------------------------------------------------------------

Threader::First Threader::first_of(Index node) const {
  const auto& self = nodes_[node];
  return self.dummy() ? firsts_[node] : First{self.date, self.number, self.subject};
}

/// A message's parent becomes the next message above it, or the dummy at the top.
void Threader::promote(Index node) {
  auto top = nodes_[node].parent;
  while (top != kNone && nodes_[top].dummy() && nodes_[top].parent != kNone) top = nodes_[top].parent;
  // The dummies passed lead there at once the next time.
  for (auto at = node; at != top && nodes_[at].parent != kNone;) at = std::exchange(nodes_[at].parent, top);
}

io::Task<> Threader::settle() {
  for (Index node = 0; node < nodes_.size(); ++node) {
    nodes_[node].children = 0;
    if (!nodes_[node].dummy()) promote(node);
    if (pace_.due()) co_await io::Loop::current().yield();
  }
  for (const auto& node : nodes_) {
    if (!node.dummy() && node.parent != kNone) ++nodes_[node.parent].children;
    if (pace_.due()) co_await io::Loop::current().yield();
  }
  firsts_.assign(nodes_.size(), {});
  for (auto& node : nodes_) {
    if (pace_.due()) co_await io::Loop::current().yield();
    if (node.dummy() || node.parent == kNone || !nodes_[node.parent].dummy()) continue;
    // RFC 5256 §3 (3): an only child takes the dummy's place at the root.
    if (nodes_[node.parent].children == 1) {
      nodes_[node.parent].children = 0;
      node.parent = kNone;
      continue;
    }
    auto& first = firsts_[node.parent];
    if (first.number == 0 || std::pair(node.date, node.number) < std::pair(first.date, first.number))
      first = {node.date, node.number, node.subject};
  }
  co_await find_roots();
}

io::Task<> Threader::find_roots() {
  roots_.clear();
  for (Index node = 0; node < nodes_.size(); ++node) {
    const auto& self = nodes_[node];
    if (self.parent == kNone && (!self.dummy() || self.children != 0)) roots_.push_back(node);
    if (pace_.due()) co_await io::Loop::current().yield();
  }
  co_await sort_in_slices(roots_, [this](Index a, Index b) {
    const auto first = first_of(a);
    const auto second = first_of(b);
    return std::pair(first.date, first.number) < std::pair(second.date, second.number);
  });
}

// ---- step 5: threads of one subject ---------------------------------------------------------------------------------

Result<void> Threader::merge(Index current, Index& held) {
  const bool dummy = nodes_[held].dummy();
  if (dummy || (nodes_[current].reply && !nodes_[held].reply)) {
    // A dummy's children follow it: settle() passes it over.
    nodes_[current].parent = held;
    return {};
  }
  const auto together = TRY(new_node());
  nodes_[current].parent = together;
  nodes_[held].parent = together;
  held = together;
  return {};
}

io::Task<Result<void>> Threader::merge_by_subject() {
  std::vector<Index> table(subjects_.size() + 1, kNone);
  for (const auto root : roots_) {
    auto& held = table[first_of(root).subject];
    const auto& current = nodes_[root];
    if (held == kNone || (!nodes_[held].dummy() && (current.dummy() || (nodes_[held].reply && !current.reply))))
      held = root;
    if (pace_.due()) co_await io::Loop::current().yield();
  }
  for (const auto root : roots_) {
    const auto subject = first_of(root).subject;
    if (subject != kNoSubject && table[subject] != root) CO_TRY(merge(root, table[subject]));
    if (pace_.due()) co_await io::Loop::current().yield();
  }
  co_await settle();
  co_return Result<void>{};
}

// ---- step 6 and the other algorithms --------------------------------------------------------------------------------

/// Of each root, the latest date in its thread.
io::Task<std::vector<std::int64_t>> Threader::latest_dates() {
  std::vector<std::int64_t> latest(nodes_.size(), INT64_MIN);
  std::vector<Index> tops(nodes_.size(), kNone);
  for (Index node = 0; node < nodes_.size(); ++node) {
    if (pace_.due()) co_await io::Loop::current().yield();
    if (nodes_[node].dummy()) continue;
    auto top = node;
    while (tops[top] == kNone && nodes_[top].parent != kNone) top = nodes_[top].parent;
    if (tops[top] != kNone) top = tops[top];
    for (auto at = node; at != top && tops[at] == kNone; at = nodes_[at].parent) tops[at] = top;
    latest[top] = std::max(latest[top], nodes_[node].date);
  }
  co_return latest;
}

/// RFC 5256 §3, ORDEREDSUBJECT: the first of a subject has all others as children.
io::Task<> Threader::group_by_subject() {
  for (Index node = 0; node < nodes_.size(); ++node) {
    const auto& self = nodes_[node];
    links_.push_back({.parent = self.subject, .number = self.number, .date = self.date, .node = node});
    if (pace_.due()) co_await io::Loop::current().yield();
  }
  co_await sort_in_slices(links_, [](const Link& a, const Link& b) { return a.place() < b.place(); });
  Index head = kNone;
  for (const auto& link : links_) {
    const bool begins = head == kNone || nodes_[head].subject != link.parent;
    if (begins) head = link.node;
    nodes_[link.node].parent = begins ? kNone : head;
    if (pace_.due()) co_await io::Loop::current().yield();
  }
  links_.clear();
  co_await find_roots();
}

io::Task<> Threader::link() {
  std::vector<std::int64_t> latest;
  if (by_ == ThreadBy::refs) latest = co_await latest_dates();
  links_.reserve(nodes_.size());
  for (Index node = 0; node < nodes_.size(); ++node) {
    const auto& self = nodes_[node];
    if (!self.dummy() && self.parent != kNone)
      links_.push_back({.parent = self.parent, .number = self.number, .date = self.date, .node = node});
    if (pace_.due()) co_await io::Loop::current().yield();
  }
  next_root_ = links_.size();
  for (const auto root : roots_) {
    const auto first = first_of(root);
    const auto date = by_ == ThreadBy::refs ? latest[root] : first.date;
    links_.push_back({.parent = kRoot, .number = first.number, .date = date, .node = root});
    if (pace_.due()) co_await io::Loop::current().yield();
  }
  co_await sort_in_slices(links_, [](const Link& a, const Link& b) { return a.place() < b.place(); });
}

io::Task<Result<void>> Threader::build() {
  if (by_ == ThreadBy::ordered_subject) {
    co_await group_by_subject();
  } else {
    co_await settle();
    if (by_ == ThreadBy::references) CO_TRY(co_await merge_by_subject());
  }
  co_await link();
  co_return Result<void>{};
}

// ---- the response ---------------------------------------------------------------------------------------------------

void Threader::write_node(Index node, std::string& out) {
  const bool dummy = nodes_[node].dummy();
  if (!dummy) append_number(out, nodes_[node].number);
  const auto children = std::ranges::equal_range(links_, node, {}, &Link::parent);
  if (children.size() == 1) {
    stack_.push_back({Item::What::next, children.front().node});
    return;
  }
  if (!children.empty() && !dummy) out += ' ';
  for (auto child = children.end(); child != children.begin();) stack_.push_back({Item::What::open, (--child)->node});
}

bool Threader::write_some(std::string& out) {
  constexpr int kAtOnce = 2048;
  for (int i = 0; i < kAtOnce; ++i) {
    if (stack_.empty()) {
      if (next_root_ == links_.size()) return false;
      stack_.push_back({Item::What::open, links_[next_root_++].node});
    }
    const auto item = stack_.back();
    stack_.pop_back();
    if (item.what == Item::What::close) {
      out += ')';
      continue;
    }
    if (item.what == Item::What::open) stack_.push_back({Item::What::close});
    out += item.what == Item::What::open ? '(' : ' ';
    write_node(item.node, out);
  }
  return true;
}

io::Task<Result<std::unique_ptr<Threader>>> thread_found(Session& session, const NumberSet& uids, ThreadBy by,
                                                         Addressing addressing) {
  std::uint64_t secret = 0;
  io::Loop::current().random().fill(reinterpret_cast<char*>(&secret), sizeof secret);
  auto threader = std::make_unique<Threader>(by, secret);
  // What is too much is refused when it is added.
  threader->expect(std::min<std::size_t>(uids.count(), kSortOctetsMax / 256));
  auto visit = [&](const Target& target, const MessageTexts& texts) -> Result<void> {
    const auto envelope = read_envelope(texts.envelope);
    ThreadMessage message{.number = addressing == Addressing::uid ? target.entry.uid : target.sequence,
                          .date = sent_seconds(envelope.date, target.entry.date),
                          .references = texts.references};
    std::string subject;
    if (by != ThreadBy::refs) {
      const auto base = message::base_subject(message::decode_text(envelope.subject));
      subject = collation_key(base.text, session.collation);
      message.subject = subject;
      message.reply = base.reply;
    }
    const auto ids =
        by == ThreadBy::ordered_subject ? std::vector<std::string>() : message::thread_ids(envelope.message_id);
    if (!ids.empty()) message.id = ids.front();
    return threader->add(message);
  };
  const auto wanted = by == ThreadBy::ordered_subject ? kFetchEnvelope : kFetchEnvelope | kFetchReferences;
  CO_TRY(co_await visit_found(session, uids, wanted, visit));
  CO_TRY(co_await threader->build());
  co_return threader;
}

}  // namespace angarium::protocol::imap
