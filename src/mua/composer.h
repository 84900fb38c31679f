// Writing a letter: lines are its body, and those that begin with "~" do something.
#pragma once

#include <functional>
#include <string>

#include "mua/draft.h"
#include "mua/screen.h"
#include "mua/surroundings.h"

namespace angarium::mua {

/// How messages of the box come into a letter.
enum class Quote : std::uint8_t {
  as_it_is,          ///< ~f
  with_all_fields,   ///< ~F
  indented,          ///< ~m
  indented_with_all  ///< ~M
};
/// Gives the text of the messages of a list; empty list: of those that are answered. Null where no box is read.
using Quoter = std::function<Result<std::string>(std::string_view list, Quote how)>;

class Composer {
 public:
  Composer(Surroundings& here, Settings& settings, Draft& draft, Quoter quoter = {})
      : here_(here), settings_(settings), draft_(draft), quoter_(std::move(quoter)) {}

  enum class End {
    send,
    given_up,  ///< ~x, ~q, or two interrupts: dead.letter has it where it should
  };
  /// Reads to the end of the letter: input's, a dot alone (with `dot`, or where somebody sits and `ignoreeof` is set),
  /// or ~. — asks for the subject first where `ask` wants it, for copies last (askcc, askbcc).
  End run(bool escapes);

 private:
  enum class Next { goes_on, send, quit_saving, quit };
  Next take(const std::string& line);
  Next escape(char letter, std::string_view argument);
  Next fields(char letter, std::string_view argument);
  void content(char letter, std::string_view argument);
  void ask_fields();
  /// The line with `what` already typed is not to be had everywhere: an empty answer keeps it.
  void ask(std::string_view prompt, std::vector<std::string>& list);
  void read_in(std::string_view name);
  void edit(std::string_view editor);
  void pipe_through(std::string_view command);
  void quote(char letter, std::string_view list);
  void print();
  void complain(const Error& error) { here_.terminal.complain(visible(error.text())); }

  Surroundings& here_;
  Settings& settings_;
  Draft& draft_;
  Quoter quoter_;
};

/// $DEAD, the variable DEAD, or ~/dead.letter.
std::string dead_letter_path(const Surroundings& here, const Settings& settings);
/// Appends what can be saved of a letter to an mbox file, which mail -f reads; says so. DEAD=/dev/null: nothing.
void save_dead_letter(Surroundings& here, const Settings& settings, const Draft& draft);

/// Sends it: aliases, MIME, submission, the copy for `record`. What cannot be sent goes to dead.letter. The error is
/// of the submission where that failed.
Result<> send(Surroundings& here, const Settings& settings, Draft draft, const std::vector<std::string>& options = {});

}  // namespace angarium::mua
