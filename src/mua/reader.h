// Reading mail by commands of a line: `mail` without addresses.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mua/boxes.h"
#include "mua/composer.h"
#include "mua/display.h"
#include "mua/message_list.h"
#include "mua/screen.h"
#include "mua/settings.h"
#include "mua/surroundings.h"

namespace angarium::mua {

class Reader {
 public:
  Reader(Surroundings& here, Settings& settings, std::unique_ptr<Box> box, Access access)
      : here_(here), settings_(settings), box_(std::move(box)), marks_(box_->size()), access_(access) {}

  /// Shows the list and obeys until the end: 0, or 1 when the box could not be written.
  int run(bool show_list);
  /// What -H prints.
  void print_list(const std::vector<std::size_t>& numbers);
  void print_all();

 private:
  enum class Next : std::uint8_t { goes_on, quit, exit };
  using Handler = Next (Reader::*)(std::string_view argument);
  struct Command {
    std::string_view name;
    std::size_t letters;  ///< of the name that are enough
    Handler handler;
  };
  static std::span<const Command> commands();

  Next obey(std::string_view line);
  Next obey_plain(std::string_view word, std::string_view argument);

  // reader_show.cpp
  Next headers(std::string_view argument);
  Next scroll(std::string_view argument);
  Next from(std::string_view argument);
  Next print(std::string_view argument);
  Next print_with_all(std::string_view argument);
  Next top(std::string_view argument);
  Next next(std::string_view argument);
  Next previous(std::string_view argument);
  Next number(std::string_view argument);
  Next size(std::string_view argument);
  Next pipe(std::string_view argument);
  Next edit(std::string_view argument);
  Next visual(std::string_view argument);
  Next help(std::string_view argument);
  Next show_messages(std::string_view argument, Fields fields);
  Next show_one(std::size_t number, Fields fields);
  Next look_at(std::string_view argument, std::string_view editor);

  // reader_change.cpp
  Next remove(std::string_view argument);
  Next remove_and_print(std::string_view argument);
  Next undelete(std::string_view argument);
  Next save(std::string_view argument);
  Next copy(std::string_view argument);
  Next write(std::string_view argument);
  Next detach_parts(std::string_view argument);
  Next preserve(std::string_view argument);
  Next to_mbox(std::string_view argument);
  Next touch(std::string_view argument);
  Next unread(std::string_view argument);
  Next flag(std::string_view argument);
  Next unflag(std::string_view argument);
  Next file(std::string_view argument);
  Next folders(std::string_view argument);
  Next new_mail(std::string_view argument);
  Next save_to(std::string_view argument, bool leaves);

  // reader_send.cpp
  Next mail(std::string_view argument);
  Next reply(std::string_view argument);
  Next reply_to_sender(std::string_view argument);
  Next forward(std::string_view argument);
  Next answer(std::string_view argument, bool everybody);
  Result<std::string> quoted(std::string_view list, Quote how, const std::vector<std::size_t>& otherwise);
  [[nodiscard]] bool is_own(std::string_view spec) const;
  void compose_and_send(Draft draft, const std::vector<std::size_t>& about, message::BoxFlags flag);

  // reader.cpp
  Next quit(std::string_view argument);
  Next exit(std::string_view argument);
  Next shell(std::string_view argument);
  Next echo(std::string_view argument);
  Next change_folder(std::string_view argument);

  /// What is kept of a message besides its entry.
  enum Mark : std::uint8_t { kSaved = 1, kPreserved = 2, kToMbox = 4, kTouched = 8 };

  Result<std::vector<std::size_t>> list(std::string_view text, Wanted wanted = Wanted::present);
  /// The list, or nothing after a complaint.
  std::optional<std::vector<std::size_t>> chosen(std::string_view text, Wanted wanted = Wanted::present);
  /// Splits "1-3 5 name" into the list and the last word; without one, the last word is empty.
  static std::pair<std::string, std::string> split_file(std::string_view argument);
  Result<std::string> header_of(std::size_t number);
  void go_to(std::size_t number);
  /// The dot moves to the next that is not deleted; false when there is none.
  bool step_forward(std::size_t from);
  void announce();
  void look_for_new();
  /// What is left undone in the box is done: read mail to mbox, deletions, flags.
  Result<> close_box();
  Result<> move_read_mail();
  [[nodiscard]] bool is_spool() const;
  void complain(const Error& error) { here_.terminal.complain(visible(error.text())); }

  Surroundings& here_;
  Settings& settings_;
  std::unique_ptr<Box> box_;
  std::vector<std::uint8_t> marks_;
  Access access_;
  std::size_t dot_ = 0;
  bool shown_ = false;  ///< the dot was printed: "next" goes on
  std::size_t screen_ = 0;
  std::vector<std::size_t> previous_;
  std::string previous_file_;
};

}  // namespace angarium::mua
