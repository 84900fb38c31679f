#include "location/servant.h"

#include <algorithm>

#include "delivery/here.h"

namespace angarium::location {
namespace {

/// How long an answer may wait for its reader.
constexpr Duration kUnread = std::chrono::minutes(2);

/// Paths come from a process that speaks with the network: no way leads out of the location but by the user's links.
bool is_plain(std::string_view path) {
  return path.starts_with('/') && !path.contains("/../") && !path.ends_with("/..") && !path.contains('\0');
}

}  // namespace

Result<> Hand::check(const std::string& path) const {
  const bool mine = spool_file_.empty() ? is_in(location_, path) : path == spool_file_ && path == location_.inbox;
  if (!mine || !is_plain(path)) return fail(kTrouble, "a path is not of this location");
  return {};
}

/// Of what only a folder of boxes has.
Result<> Hand::check_folder(const std::string& path) const {
  if (!spool_file_.empty()) return fail(kTrouble, "a spool file is neither renamed nor removed");
  return check(path);
}

Result<std::shared_ptr<OpenBox>> Hand::opened(std::uint32_t opening, const std::vector<std::size_t>& indexes) const {
  if (!box_ || opening != opening_) return fail(kGone, "the box is not open any more");
  const std::size_t size = box_->messages().size();
  if (std::ranges::any_of(indexes, [size](std::size_t index) { return index >= size; }))
    return fail(kTrouble, "the box has no such message");
  return box_;
}

struct Hand::Follow {
  Hand& hand;

  Result<Reply> operator()(const FindBoxes&) const {
    BoxesFound found{TRY(hand.boxes_.find(hand.location_))};
    if (found.boxes.size() > kBoxesMax) found.boxes.resize(kBoxesMax);
    return found;
  }
  Result<Reply> operator()(const MakeBox& order) const {
    TRY(hand.check(order.path));
    TRY(hand.boxes_.make(hand.location_, order.path));
    return Done{};
  }
  Result<Reply> operator()(const RenameBox& order) const {
    TRY(hand.check_folder(order.from));
    TRY(hand.check_folder(order.to));
    TRY(hand.boxes_.rename(hand.location_, order.from, order.to));
    return Done{};
  }
  Result<Reply> operator()(const RemoveBox& order) const {
    TRY(hand.check_folder(order.path));
    TRY(hand.boxes_.remove(hand.location_, order.path));
    return Done{};
  }
  Result<Reply> operator()(const IsMissing& order) const {
    TRY(hand.check(order.path));
    return Missing{TRY(hand.boxes_.is_missing(hand.location_, order.path))};
  }
  Result<Reply> operator()(const LookAtBox& order) const {
    TRY(hand.check(order.path));
    return BoxLooked{TRY(hand.boxes_.stamp(hand.location_, order.path))};
  }
  Result<Reply> operator()(const OpenBoxOf& order) const {
    TRY(hand.check(order.path));
    hand.box_.reset();
    hand.box_ = TRY(hand.boxes_.open(hand.location_, order.path));
    if (hand.box_->messages().size() > kMessagesOfBoxMax)
      return fail(kTrouble, order.path + " holds more messages than can be kept");
    return BoxOpened{.opening = ++hand.opening_,
                     .all = hand.box_->all(),
                     .messages = hand.box_->messages(),
                     .names = hand.box_->keyword_names()};
  }
  Result<Reply> operator()(const ReadMessage& order) const {
    const auto box = TRY(hand.opened(order.opening, {order.index}));
    return MessageRead{TRY(box->read(order.index))};
  }
  Result<Reply> operator()(const WhenReceived& order) const {
    const auto box = TRY(hand.opened(order.opening, {order.index}));
    auto date = TRY(box->received(order.index));
    if (date && !is_tellable(date->instant(), date->zone_minutes)) date.reset();
    return Received{date};
  }
  Result<Reply> operator()(const ChangeBox& order) const {
    std::vector<std::size_t> indexes = order.removed;
    for (const auto& [index, flags] : order.marked) indexes.push_back(index);
    const auto box = TRY(hand.opened(order.opening, indexes));
    hand.box_.reset();
    TRY(box->change(order.removed, order.marked, order.names));
    return Done{};
  }
  Result<Reply> operator()(const AddMessage& order) const {
    TRY(hand.check(order.path));
    return MessageAdded{TRY(hand.boxes_.add(hand.location_, order.path, order.message))};
  }
};

Reply Hand::follow(const Order& order) {
  auto reply = std::visit(Follow{*this}, order);
  if (reply) return *std::move(reply);
  return Refused{.words = reply.error().text().substr(0, kBoxPathMax), .gone = reply.error().is(kGone)};
}

void BoxServant::serve(const Descriptor& socket, const Errand& errand) {
  auto location = route::parse_location(errand.place);
  if (!location) return;
  box::Host host{.delivery = delivery::with_names(surroundings_), .home = errand.user.home};
  host.delivery.own_only = !errand.spool_file.empty();
  Hand hand(*std::move(location), errand.spool_file, host);
  while (true) {
    const auto octets = cage::read_frame(socket, kOrderMax, system_clock().now() + kUnasked);
    if (!octets) return;
    const auto order = decode_order(*octets);
    if (!order) return;
    std::string reply = encode(hand.follow(*order));
    if (reply.size() > kOrderMax) reply = encode(Reply(Refused{"a box holds more than can be told of it"}));
    if (cage::write_frame(socket, reply, system_clock().now() + kUnread) != cage::Written::whole) return;
  }
}

}  // namespace angarium::location
