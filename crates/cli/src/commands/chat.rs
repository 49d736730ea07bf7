//! `hybrid chat`: a conversation on the terminal.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use clap::Args;
use hybrid_data::template::{ChatTemplate, Message, RenderOptions};
use hybrid_data::tokenizer::Growing;
use hybrid_model::generate::{GenerateError, GenerateOptions, Verdict, generate};
use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;

use super::generate::decoding::DecodingArgs;
use super::generate::output::print_now;
use crate::model::{Loaded, ModelArgs};
use crate::ui::Ui;

/// Arguments of `hybrid chat`.
#[derive(Debug, Args)]
#[command(after_help = "Example: hybrid chat smollm2-135m-instruct --temperature 0.7

In the chat: /system TEXT sets the instructions, /reset forgets the conversation, /save FILE writes
it as JSONL, /help lists the commands. Ctrl-C stops an answer, Ctrl-D leaves.")]
pub(crate) struct ChatArgs {
    #[command(flatten)]
    model: ModelArgs,
    /// Instructions before the conversation
    #[arg(long, value_name = "TEXT")]
    system: Option<String>,
    #[command(flatten)]
    decoding: DecodingArgs,
}

const HELP: &str = "\
/system TEXT  set the instructions (none: remove them) and start anew
/reset        forget the conversation, keep the instructions
/save FILE    write the conversation as one JSONL line
/help         this list
/quit         leave; so does Ctrl-D";

pub(crate) fn run(args: &ChatArgs, ui: &Ui) -> Result<()> {
    args.decoding.check()?;
    let loaded = args.model.load(ui)?;
    let template = loaded.tokenizer.template(None)?;
    let options = args.decoding.options(&loaded)?;
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupted);
    ctrlc::set_handler(move || flag.store(true, Ordering::Relaxed))
        .context("cannot listen for Ctrl-C")?;
    let mut chat = Chat {
        loaded,
        template,
        options,
        stops: args.decoding.stop.clone(),
        interrupted,
        system: args.system.clone(),
        turns: Vec::new(),
    };
    let mut editor = DefaultEditor::new().context("cannot read from this terminal")?;
    if ui.is_watched() {
        say("Ctrl-C stops an answer, Ctrl-D leaves, /help lists commands.")?;
    }
    // A dumb terminal would get the prompt on stdout, where a program that pipes lines reads answers.
    let prompt = if std::io::stdin().is_terminal() { "> " } else { "" };
    loop {
        match editor.readline(prompt) {
            Ok(line) if line.trim().is_empty() => {}
            Ok(line) => {
                let _ = editor.add_history_entry(&line);
                if chat.handle(line.trim())? == Next::Leave {
                    return Ok(());
                }
            }
            Err(ReadlineError::Interrupted) => say("Ctrl-D leaves")?,
            Err(ReadlineError::Eof) => return Ok(()),
            Err(error) => return Err(error).context("cannot read from this terminal"),
        }
    }
}

/// What follows a line.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Line,
    Leave,
}

struct Chat {
    loaded: Loaded,
    template: ChatTemplate,
    options: GenerateOptions,
    stops: Vec<String>,
    interrupted: Arc<AtomicBool>,
    system: Option<String>,
    turns: Vec<Message>,
}

impl Chat {
    fn handle(&mut self, line: &str) -> Result<Next> {
        let Some(command) = line.strip_prefix('/') else {
            return self.answer(line).map(|()| Next::Line);
        };
        let (name, rest) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
        let rest = rest.trim();
        match name {
            "quit" | "exit" => return Ok(Next::Leave),
            "help" => say(HELP)?,
            "reset" => {
                self.turns.clear();
                say("forgotten")?;
            }
            "system" => {
                self.system = (!rest.is_empty()).then(|| rest.to_owned());
                self.turns.clear();
                say("the conversation starts anew")?;
            }
            "save" if rest.is_empty() => say("/save needs a file name")?,
            "save" if self.turns.is_empty() => say("there is nothing to save yet")?,
            "save" => match self.save(Path::new(rest)) {
                Ok(()) => say(&format!("saved as {rest}"))?,
                Err(error) => say(&format!("not saved: {error:#}"))?,
            },
            other => say(&format!("there is no /{other}; /help lists the commands"))?,
        }
        Ok(Next::Line)
    }

    fn messages(&self) -> Vec<Message> {
        let system = self.system.as_deref().map(|text| Message::new("system", text));
        system.into_iter().chain(self.turns.iter().cloned()).collect()
    }

    /// Answers, printing as tokens come; an interrupted answer stays in the conversation.
    fn answer(&mut self, question: &str) -> Result<()> {
        self.turns.push(Message::new("user", question));
        let render = RenderOptions { add_generation_prompt: true, ..RenderOptions::default() };
        let text = match self.template.render(&self.messages(), &render) {
            Ok(rendered) => rendered.text,
            Err(error) => {
                self.turns.pop();
                return say(&format!("not asked: {:#}", anyhow::Error::new(error)));
            }
        };
        // The template writes the special tokens itself.
        let ids = self.loaded.tokenizer.encode(&text, false)?;
        self.interrupted.store(false, Ordering::Relaxed);
        let mut growing = Growing::new(&self.loaded.tokenizer, &ids);
        let mut failure = None;
        let (stops, interrupted) = (&self.stops, &self.interrupted);
        let made = generate(&self.loaded.decoder, &[ids], &self.options, &mut |_, choice| {
            let stopped = growing.push(choice.token, stops);
            if let Err(error) = print_now(growing.printable(stops)) {
                failure = Some(error);
                return Verdict::Cancel;
            }
            match (interrupted.load(Ordering::Relaxed), stopped) {
                (true, _) => Verdict::Cancel,
                (_, true) => Verdict::StopRow,
                _ => Verdict::Continue,
            }
        });
        if let Some(failure) = failure {
            return Err(failure.into());
        }
        if let Err(GenerateError::PromptTooLong { tokens, context, .. }) = made {
            self.turns.pop();
            return say(&format!(
                "the conversation has {tokens} tokens, the model's context is {context}: /reset, \
                 or ask something shorter"
            ));
        }
        made?;
        let printed = growing.printed();
        let answer = growing.finish();
        print_now(&format!("{}\n", answer.get(printed..).unwrap_or_default()))?;
        self.turns.push(Message::new("assistant", &answer));
        // Another answer to the same words draws other numbers.
        self.options.seed = self.options.seed.wrapping_add(1);
        Ok(())
    }

    /// Writes the conversation as a `messages` record; refuses to overwrite a file.
    fn save(&self, path: &Path) -> Result<()> {
        let line = serde_json::json!({ "messages": self.messages() });
        let mut file = std::fs::File::create_new(path)
            .with_context(|| format!("cannot create `{}`", path.display()))?;
        writeln!(file, "{line}").with_context(|| format!("cannot write `{}`", path.display()))
    }
}

/// Words that are no part of the conversation go to stderr.
fn say(text: &str) -> Result<()> {
    writeln!(std::io::stderr().lock(), "{text}").context("cannot write to stderr")
}
