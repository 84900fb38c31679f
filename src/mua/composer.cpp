#include "mua/composer.h"

#include <algorithm>

#include "base/text.h"
#include "delivery/target.h"
#include "mua/error.h"
#include "mua/host.h"
#include "mua/save.h"
#include "mua/screen.h"

namespace angarium::mua {
namespace {

constexpr std::string_view kHelp =
    "~.            end of the letter: it is sent\n"
    "~? ~~         this list; a line that begins with ~\n"
    "~!COMMAND     run a program; ~|COMMAND  the text goes through it\n"
    "~:COMMAND     a setting, as in ~/.mailrc\n"
    "~@ FILE...    attach; without a name: what is attached\n"
    "~a ~A ~i NAME insert the variable sign, Sign, or another\n"
    "~b ~c ~t NAME... more recipients: Bcc, Cc, To\n"
    "~d ~r FILE ~<!COMMAND  read in: dead.letter, a file, what a program prints\n"
    "~e ~v         edit the text: EDITOR, VISUAL\n"
    "~f ~F ~m ~M [MESSAGES]  read in messages; ~F, ~M with all fields, ~m, ~M indented\n"
    "~h            ask for the fields of the header; ~s SUBJECT  the subject\n"
    "~p            show the letter; ~w FILE  write the text to a file\n"
    "~q ~x         give the letter up: ~q keeps it in dead.letter\n";

std::string joined(const std::vector<std::string>& list) {
  std::string out;
  for (const std::string& one : list) out += (out.empty() ? "" : ", ") + one;
  return out;
}

void add(std::vector<std::string>& list, std::string_view text) {
  for (std::string& address : split_addresses(text))
    if (std::ranges::find(list, address) == list.end()) list.push_back(std::move(address));
}

std::string counted(std::string_view name, std::string_view text) {
  return "\"" + std::string(name) + "\" " + std::to_string(std::ranges::count(text, '\n')) + "/" +
         std::to_string(text.size()) + "\n";
}

void append_text(std::string& body, std::string_view text) {
  body += text;
  if (!text.empty() && !text.ends_with('\n')) body += '\n';
}

}  // namespace

Composer::End Composer::run(bool escapes) {
  Terminal& terminal = here_.terminal;
  if (terminal.interactive()) ask_fields();
  bool interrupted = false;
  const std::string escape_letter(settings_.get("escape").empty() ? "~" : settings_.get("escape").substr(0, 1));
  for (;;) {
    const Terminal::Line line = terminal.read_line("");
    if (line.kind == Terminal::Line::Kind::interrupted) {
      if (settings_.is_set("ignore")) {
        terminal.write("@\n");
        continue;
      }
      if (interrupted) {
        if (settings_.is_set("save")) save_dead_letter(here_, settings_, draft_);
        return End::given_up;
      }
      terminal.write("\n(Interrupt -- one more to kill letter)\n");
      interrupted = true;
      continue;
    }
    if (line.kind == Terminal::Line::Kind::failed) {
      terminal.complain(line.text);
      save_dead_letter(here_, settings_, draft_);
      return End::given_up;
    }
    interrupted = false;
    if (line.kind == Terminal::Line::Kind::end) {
      if (terminal.interactive() && settings_.is_set("ignoreeof")) {
        terminal.write("Use \".\" to terminate letter\n");
        continue;
      }
      break;
    }
    if (line.text == "." && (settings_.is_set("dot") || settings_.is_set("ignoreeof")) && escapes) break;
    const bool is_escape = escapes && line.text.size() > 1 && line.text.starts_with(escape_letter);
    const Next next = is_escape ? take(line.text) : Next::goes_on;
    if (!is_escape) draft_.body += line.text + "\n";
    if (next == Next::send) break;
    if (next == Next::goes_on) continue;
    if (next == Next::quit_saving) save_dead_letter(here_, settings_, draft_);
    return End::given_up;
  }
  if (terminal.interactive()) {
    if (settings_.is_set("askcc")) ask("Cc: ", draft_.cc);
    if (settings_.is_set("askbcc")) ask("Bcc: ", draft_.bcc);
    terminal.write("EOT\n");
  }
  return End::send;
}

Composer::Next Composer::take(const std::string& line) {
  if (line[1] == line[0]) {
    draft_.body += line.substr(1) + "\n";
    return Next::goes_on;
  }
  return escape(line[1], trim(std::string_view(line).substr(2)));
}

Composer::Next Composer::escape(char letter, std::string_view argument) {
  Terminal& terminal = here_.terminal;
  switch (letter) {
    case '.': return Next::send;
    case 'q': return Next::quit_saving;
    case 'x': return Next::quit;
    case '?': terminal.write(kHelp); break;
    case 'p': print(); break;
    case 'b':
    case 'c':
    case 't':
    case 's':
    case 'h':
    case '@': return fields(letter, argument);
    case '!': {
      terminal.flush();
      if (auto ran = run_command(here_.shell, std::string(argument)); !ran) complain(ran.error());
      terminal.write("!\n");
      break;
    }
    case ':':
    case '_': {
      const auto done = settings_.run(argument);
      if (!done) complain(done.error());
      if (done && !*done) terminal.complain("no setting: " + escape_controls(argument));
      break;
    }
    default: content(letter, argument); break;
  }
  return Next::goes_on;
}

/// What changes the header.
Composer::Next Composer::fields(char letter, std::string_view argument) {
  switch (letter) {
    case 'b': add(draft_.bcc, argument); break;
    case 'c': add(draft_.cc, argument); break;
    case 't': add(draft_.to, argument); break;
    case 's': draft_.subject = argument; break;
    case '@':
      for (std::string& path : split_words(argument)) {
        if (file_exists(in_home(path, here_.home)))
          draft_.attachments.push_back(std::move(path));
        else
          here_.terminal.complain(visible(path) + ": no such file");
      }
      for (const std::string& path : draft_.attachments) here_.terminal.write("attached: " + visible(path) + "\n");
      break;
    default: {
      ask("To: ", draft_.to);
      const auto subject = here_.terminal.read_line("Subject [" + visible(draft_.subject) + "]: ");
      if (subject.kind == Terminal::Line::Kind::text && !subject.text.empty()) draft_.subject = subject.text;
      ask("Cc: ", draft_.cc);
      ask("Bcc: ", draft_.bcc);
      break;
    }
  }
  return Next::goes_on;
}

/// What changes the text, and what is none of the known.
void Composer::content(char letter, std::string_view argument) {
  const std::string path = in_home(argument, here_.home);
  switch (letter) {
    case 'a': append_text(draft_.body, settings_.get("sign")); break;
    case 'A': append_text(draft_.body, settings_.get("Sign")); break;
    case 'i': append_text(draft_.body, settings_.get(argument)); break;
    case 'd': read_in(dead_letter_path(here_, settings_)); break;
    case 'r':
    case '<': read_in(argument); break;
    case 'e': edit(here_.editor); break;
    case 'v': edit(here_.visual); break;
    case '|': pipe_through(argument); break;
    case 'f':
    case 'F':
    case 'm':
    case 'M': quote(letter, argument); break;
    case 'w':
      if (file_exists(path))
        here_.terminal.complain(visible(path) + ": is there already");
      else if (auto written = append_file(path, draft_.body); !written)
        complain(written.error());
      else
        here_.terminal.write(counted(visible(path), draft_.body));
      break;
    default: here_.terminal.complain("unknown: ~" + visible({&letter, 1}) + ", ~? tells what there is"); break;
  }
}

void Composer::ask_fields() {
  if (draft_.to.empty()) ask("To: ", draft_.to);
  if (!draft_.subject.empty() || !settings_.is_set("ask")) return;
  const auto line = here_.terminal.read_line("Subject: ");
  if (line.kind == Terminal::Line::Kind::text) draft_.subject = line.text;
}

void Composer::ask(std::string_view prompt, std::vector<std::string>& list) {
  std::string shown(prompt);
  if (!list.empty()) shown += "[" + visible(joined(list)) + "] ";
  const auto line = here_.terminal.read_line(shown);
  if (line.kind == Terminal::Line::Kind::text) add(list, line.text);
}

void Composer::read_in(std::string_view name) {
  std::string text;
  if (name.starts_with('!')) {
    here_.terminal.flush();
    auto ran = filter_command(here_.shell, std::string(name.substr(1)), "");
    if (!ran) return complain(ran.error());
    text = std::move(ran->output);
  } else {
    auto read = read_file(in_home(name, here_.home));
    if (!read) return complain(read.error());
    text = *std::move(read);
  }
  append_text(draft_.body, text);
  here_.terminal.write(counted(visible(name), text));
}

void Composer::edit(std::string_view editor) {
  here_.terminal.flush();
  const auto file = TemporaryFile::make(draft_.body);
  if (!file) return complain(file.error());
  const auto status = run_command(here_.shell, std::string(editor) + " " + shell_word(file->path()));
  if (!status) return complain(status.error());
  if (*status != 0) return here_.terminal.complain("the editor failed; the letter is as it was");
  auto text = read_file(file->path());
  if (!text) return complain(text.error());
  draft_.body = *std::move(text);
  here_.terminal.write("(continue)\n");
}

void Composer::pipe_through(std::string_view command) {
  here_.terminal.flush();
  auto ran = filter_command(here_.shell, std::string(command), draft_.body);
  if (!ran) return complain(ran.error());
  if (ran->status != 0 || ran->output.empty())
    return here_.terminal.complain("the program failed or printed nothing; the letter is as it was");
  draft_.body = std::move(ran->output);
  here_.terminal.write(counted("|" + visible(command), draft_.body) + "(continue)\n");
}

void Composer::quote(char letter, std::string_view list) {
  if (!quoter_) return here_.terminal.complain("no messages are being read");
  const Quote how = letter == 'f'   ? Quote::as_it_is
                    : letter == 'F' ? Quote::with_all_fields
                    : letter == 'm' ? Quote::indented
                                    : Quote::indented_with_all;
  auto text = quoter_(list, how);
  if (!text) return complain(text.error());
  append_text(draft_.body, *text);
  here_.terminal.write("(continue)\n");
}

void Composer::print() {
  std::string text = "-------\nMessage contains:\n";
  const auto field = [&](std::string_view name, std::string_view value) {
    if (!value.empty()) text += std::string(name) + ": " + visible(value) + "\n";
  };
  field("From", draft_.from);
  field("To", joined(draft_.to));
  field("Subject", draft_.subject);
  field("Cc", joined(draft_.cc));
  field("Bcc", joined(draft_.bcc));
  for (const auto& [name, value] : draft_.fields) field(name, value);
  for (const std::string& path : draft_.attachments) field("Attachment", path);
  here_.terminal.page(text + "\n" + visible_text(draft_.body));
}

std::string dead_letter_path(const Surroundings& here, const Settings& settings) {
  const std::string_view set = settings.get("DEAD");
  return set.empty() ? here.home + "/dead.letter" : in_home(set, here.home);
}

void save_dead_letter(Surroundings& here, const Settings& settings, const Draft& draft) {
  const std::string path = dead_letter_path(here, settings);
  // Whoever names it wants none kept.
  if (draft.body.empty() || path == "/dev/null") return;
  std::string text;
  const auto field = [&](std::string_view name, std::string_view value) {
    if (!value.empty()) text += std::string(name) + ": " + visible(value) + "\n";
  };
  field("To", joined(draft.to));
  field("Cc", joined(draft.cc));
  field("Bcc", joined(draft.bcc));
  field("Subject", draft.subject);
  if (!std::ranges::all_of(draft.body, [](char c) { return static_cast<unsigned char>(c) < 0x80; }))
    text += "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n";
  text += "\n" + draft.body;
  std::string message;
  for (std::string_view rest = text; !rest.empty();) message += std::string(take_until(rest, '\n')) + "\r\n";
  const auto saved = save_message(here, path, message, here.user, here.delivery.clock.wall(), message::kBoxSeen);
  if (!saved)
    here.terminal.complain("the letter is lost: " + visible(saved.error().text()));
  else
    here.terminal.complain(counted(visible(path), text) + "the letter was not sent, and is kept there");
}

}  // namespace angarium::mua
