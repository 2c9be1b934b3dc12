//! Wiring: which role, which settings, what is handed to what.

use std::error::Error;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use thumbgate::api_key::print_new;
use thumbgate::app::{App, with_causes};
use thumbgate::config::{self, BackfillSettings, Cli, Config, KeyCommand, Role, Settings, StoreKind};
use thumbgate::http::{Limiter, Web, router};
use thumbgate::metrics::{emf, prometheus};
use thumbgate::store::local::Local;
use thumbgate::store::s3::S3;
use thumbgate::store::{Backend, Bucket, Store};
use thumbgate::telemetry::Telemetry;
use thumbgate::{backfill, files, health, help, lambda, server, telemetry};
#[cfg(not(target_env = "msvc"))]
use tikv_jemallocator::Jemalloc;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;
use tracing::{info, warn};

/// See Cargo.toml for why it is not the system's.
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// What asking the buckets may take before the first event.
const WARM_UP: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.role {
        None if cli.serve.aws_lambda_runtime_api.is_some() => serve_lambda(cli.serve),
        None => serve(cli.serve),
        Some(Role::Serve(settings)) => serve(*settings),
        Some(Role::Backfill(settings)) => return ended(backfill(*settings)),
        Some(Role::Thumbnail(arguments)) => return thumbnail(&arguments),
        Some(Role::Health { url }) => health::run(&url).map_err(Into::into),
        Some(Role::Key(KeyCommand::New { name })) => {
            print_new(&name, &mut io::stdout().lock(), &mut io::stderr().lock()).map_err(Into::into)
        }
        Some(Role::Completions { shell }) => help::completions(shell, &mut io::stdout().lock()).map_err(Into::into),
        Some(Role::Man) => help::manual(&mut io::stdout().lock()).map_err(Into::into),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&*error),
    }
}

#[tokio::main]
async fn serve(settings: Settings) -> Result<(), Box<dyn Error>> {
    // Dropped last: what the end of the server is traced as is sent too.
    let _telemetry = start_telemetry(&settings)?;
    let (config, app) = open_app(settings).await?;
    let figures = prometheus::install()?;
    let listener =
        TcpListener::bind(config.listen).await.map_err(|error| format!("LISTEN={}: {error}", config.listen))?;
    let listening = listener.local_addr()?;
    let url = config.public_url.clone().unwrap_or_else(|| format!("http://{listening}"));
    let stop = stop_signal("stopping: uploads under way are finished first")?;
    announce(&config, listening, &url, app.store());
    let watching = tokio::spawn({
        let (app, figures) = (Arc::clone(&app), figures.clone());
        async move { tokio::join!(app.inspect_store(), app.store().keep_probing(), figures.keep_tidy()) }
    });
    let web = Web::new(&config, url, Arc::clone(&app), Limiter::new(&config)).with_figures(figures);
    let deadline = server::serve(config.connections.clone(), listener, router(web), stop).await;
    watching.abort();
    app.finish(deadline).await;
    Ok(())
}

// A function of 256 MB has a fraction of a core, and one event at a time: threads would only wake each other. Decodes
// have threads of their own.
#[tokio::main(flavor = "current_thread")]
async fn serve_lambda(settings: Settings) -> Result<(), Box<dyn Error>> {
    let api = settings.aws_lambda_runtime_api.clone().unwrap_or_default();
    let telemetry = start_telemetry(&settings)?;
    let (config, app) = match open_app(settings).await {
        Ok(opened) => opened,
        Err(error) => {
            lambda::tell_init_error(&api, &*error);
            return Err(error);
        }
    };
    // Before the first event the time costs nothing; but a store that hangs must not end the function.
    let _ = timeout(WARM_UP, app.warm_up()).await;
    lambda::serve(config, app, emf::install()?, telemetry).await.map_err(|error| -> Box<dyn Error> { error })
}

/// Whether all is done that was asked for.
#[tokio::main]
async fn backfill(arguments: BackfillSettings) -> Result<bool, Box<dyn Error>> {
    let progress = backfill::Progress::new();
    let settings = arguments.settings.clone().without_listener();
    let _telemetry =
        telemetry::start(progress.log_writer(), settings.log_format, &settings.rust_log, &settings.traces)?;
    let config = Config::new(settings)?;
    let folder = config.data_dir.join(&config.buckets.uploads);
    if config.store == StoreKind::Local && !folder.is_dir() {
        return Err(format!(
            "DATA_DIR={}: there is no bucket's folder {}",
            config.data_dir.display(),
            folder.display()
        )
        .into());
    }
    let app = Arc::new(App::new(&config, open_store(&config).await?));
    let stop = stop_signal("stopping: what is under way is finished first")?;
    let summary = backfill::run(app, arguments, &progress, stop).await;
    write!(io::stdout(), "{}", summary.text)?;
    Ok(summary.is_complete)
}

async fn open_app(settings: Settings) -> Result<(Config, Arc<App>), Box<dyn Error>> {
    let config = Config::new(settings)?;
    if config.access.links_end_with_us {
        warn!(
            "LINK_SECRET is not set, so that a new one is made at each start: links of the time before are good no \
             more, and other processes know nothing of ours"
        );
    }
    let app = Arc::new(App::new(&config, open_store(&config).await?));
    Ok((config, app))
}

fn start_telemetry(settings: &Settings) -> Result<Telemetry, Box<dyn Error>> {
    telemetry::start(io::stderr, settings.log_format, &settings.rust_log, &settings.traces)
}

async fn open_store(config: &Config) -> Result<Store, Box<dyn Error>> {
    let names = config.buckets.clone();
    Ok(Store::new(match config.store {
        StoreKind::Local => {
            let local = Local::open(config.data_dir.clone(), names).await;
            Backend::Local(
                local.map_err(|error| format!("DATA_DIR={}: {}", config.data_dir.display(), with_causes(&error)))?,
            )
        }
        StoreKind::S3 => Backend::S3(S3::connect(names, config.s3_force_path_style, config.presign_expires).await),
    }))
}

fn announce(config: &Config, listening: SocketAddr, url: &str, store: &Store) {
    let files_go_to = match config.store {
        StoreKind::Local => config.data_dir.display().to_string(),
        StoreKind::S3 => "S3".into(),
    };
    info!(
        %listening,
        url,
        files_go_to,
        uploads = store.name_of(Bucket::Uploads),
        thumbnails = store.name_of(Bucket::Thumbnails),
        "thumbgate is ready for uploads"
    );
}

fn stop_signal(says: &'static str) -> io::Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        info!("{says}");
    })
}

fn thumbnail(arguments: &config::ThumbnailFiles) -> ExitCode {
    ended(files::run(arguments, &mut io::stdout().lock()).map_err(Into::into))
}

fn ended(all_went_well: Result<bool, Box<dyn Error>>) -> ExitCode {
    match all_went_well {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => complain(&*error),
    }
}

#[expect(clippy::print_stderr, reason = "there may be no log yet, and a person waits at the terminal")]
fn complain(error: &(dyn Error + 'static)) -> ExitCode {
    eprintln!("thumbgate: {error}");
    // As for a value that clap refuses: it is as wrong when we are started again.
    if error.is::<config::Error>() { ExitCode::from(2) } else { ExitCode::FAILURE }
}
